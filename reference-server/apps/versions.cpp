// See versions.hpp.   SPDX-License-Identifier: MIT
#include "versions.hpp"

#include <algorithm>
#include <charconv>

namespace apps {
namespace {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == ',';
}

/// "1.2.x" is "1.2", and "*" nothing.
std::string_view without_any(std::string_view operand) noexcept {
  while (!operand.empty() && std::string_view("xX*").find(operand.back()) != std::string_view::npos) {
    bool const whole = operand.size() == 1 || operand[operand.size() - 2] == '.';
    if (!whole) break;
    operand.remove_suffix(std::min<std::size_t>(operand.size(), 2));
  }
  return operand;
}

/// Takes a number off the front.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  auto const [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// Identifiers of letters, digits and hyphens, with dots between.
bool is_tag(std::string_view text) {
  bool empty = true;
  for (char const c : text) {
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-';
    if (!letter && (c != '.' || empty)) return false;
    empty = c == '.';
  }
  return !empty;
}

std::string_view take_identifier(std::string_view& text) {
  auto const end = std::min(text.find('.'), text.size());
  auto const first = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return first;
}

/// Numbers go by value and before words.
std::weak_ordering compare_identifiers(std::string_view left, std::string_view right) {
  bool const left_number = std::all_of(left.begin(), left.end(), is_digit);
  bool const right_number = std::all_of(right.begin(), right.end(), is_digit);
  if (left_number != right_number)
    return left_number ? std::weak_ordering::less : std::weak_ordering::greater;
  if (left_number && left.size() != right.size()) return left.size() <=> right.size();
  return left <=> right;
}

std::weak_ordering compare_prereleases(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty()) return right.size() <=> left.size();  // none is the release itself
  while (!left.empty() && !right.empty()) {
    auto const order = compare_identifiers(take_identifier(left), take_identifier(right));
    if (std::is_neq(order)) return order;
  }
  return left.size() <=> right.size();
}

/// The first version that differs from `of` in its number at `place`, or before.
version after(version const& of, int place) {
  version out{of.numbers, "0"};  // before its own prereleases
  auto const at = static_cast<std::size_t>(place);
  ++out.numbers[at];
  std::fill(out.numbers.begin() + place + 1, out.numbers.end(), 0);
  return out;
}

}  // namespace

std::optional<version> version::read(std::string_view text) {
  constexpr std::size_t longest = 256;
  if (text.size() > longest) return std::nullopt;
  if (text.starts_with('v')) text.remove_prefix(1);
  version out;
  for (out.given = 0; out.given < 3;) {
    auto const number = take_number(text);
    if (!number) return std::nullopt;
    out.numbers[static_cast<std::size_t>(out.given++)] = *number;
    if (!text.starts_with('.') || out.given == 3) break;
    text.remove_prefix(1);
  }
  if (auto const build = text.find('+'); build != text.npos) {
    if (!is_tag(text.substr(build + 1))) return std::nullopt;
    text = text.substr(0, build);
  }
  if (text.empty()) return out;
  if (!text.starts_with('-') || out.given < 3 || !is_tag(text.substr(1))) return std::nullopt;
  out.prerelease = text.substr(1);
  return out;
}

std::weak_ordering operator<=>(version const& left, version const& right) {
  if (auto const order = left.numbers <=> right.numbers; std::is_neq(order)) return order;
  return compare_prereleases(left.prerelease, right.prerelease);
}

std::optional<version_range> version_range::read(std::string_view text) {
  constexpr std::string_view either = "||";
  version_range out;
  for (bool more = true; more;) {
    auto const end = text.find(either);
    more = end != text.npos;
    auto one = read_all(text.substr(0, end));
    if (!one) return std::nullopt;
    out.any_of_.push_back(std::move(*one));
    if (more) text.remove_prefix(end + either.size());
  }
  return out;
}

std::optional<version_range::bounds> version_range::read_all(std::string_view text) {
  bounds out;
  bool empty = true;
  auto const skip = [&text](auto is_skipped) {
    auto const end = std::find_if_not(text.begin(), text.end(), is_skipped);
    auto const skipped = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(skipped.size());
    return skipped;
  };
  for (skip(is_blank); !text.empty(); skip(is_blank)) {
    empty = false;
    auto const operation =
        skip([](char c) { return std::string_view("<>=^~").find(c) != std::string_view::npos; });
    skip([](char c) { return c == ' '; });
    auto const given = skip([](char c) { return !is_blank(c); });
    if (given.empty()) return std::nullopt;
    auto const operand = without_any(given);
    if (operand.empty()) continue;
    auto const at = version::read(operand);
    bool const from = operation.empty() && text.starts_with(" - ");
    if (!at || !add(out, from ? ">=" : operation, *at)) return std::nullopt;
    if (!from) continue;
    text.remove_prefix(3);
    skip(is_blank);
    auto const up_to = version::read(without_any(skip([](char c) { return !is_blank(c); })));
    if (!up_to || !add(out, "<=", *up_to)) return std::nullopt;
  }
  return empty ? std::nullopt : std::optional(out);
}

bool version_range::add(bounds& to, std::string_view operation, version const& operand) {
  bool const whole = operand.given == 3;
  int const last = operand.given - 1;
  // What a part of a version means: all those that begin with it.
  bound const from{operand, true, true};
  bound const up_to = whole ? bound{operand, false, true} : bound{after(operand, last), false, false};
  if (operation.empty() || operation == "=" || operation == "==") {
    to.insert(to.end(), {from, up_to});
  } else if (operation == ">=") {
    to.push_back(from);
  } else if (operation == ">") {
    to.push_back({{up_to.at.numbers, whole ? operand.prerelease : ""}, true, !whole});
  } else if (operation == "<") {
    to.push_back({whole ? operand : version{operand.numbers, "0"}, false, false});
  } else if (operation == "<=") {
    to.push_back(up_to);
  } else if (operation == "~") {
    to.insert(to.end(), {from, {after(operand, std::min(last, 1)), false, false}});
  } else if (operation == "^") {
    auto const first = std::find_if(operand.numbers.begin(), operand.numbers.end(), [](auto n) { return n; });
    auto const kept = std::min(static_cast<int>(first - operand.numbers.begin()), last);
    to.insert(to.end(), {from, {after(operand, kept), false, false}});
  } else {
    return false;
  }
  return true;
}

bool version_range::has(version const& one) const {
  return std::any_of(any_of_.begin(), any_of_.end(), [&one](bounds const& all) {
    return std::all_of(all.begin(), all.end(), [&one](bound const& each) {
      auto const order = one <=> each.at;
      return std::is_eq(order) ? each.included : std::is_gt(order) == each.lower;
    });
  });
}

}  // namespace apps
