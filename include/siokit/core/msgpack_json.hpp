// siokit/core/msgpack_json.hpp - MessagePack to JSON, and back.   SPDX-License-Identifier: MIT
// Spec: the MessagePack format; what has no JSON becomes what JSON.stringify makes of it. In: a value of
// either kind.  Out: appended to the caller's text or bytes; binary data goes beside it, borrowed. Allocates
// by what was read, never by what was declared; recurses nowhere.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "siokit/core/bytes.hpp"
#include "siokit/core/json_scan.hpp"
#include "siokit/core/json_write.hpp"
#include "siokit/core/msgpack.hpp"

namespace siokit::inline v0 {

/// Where the binary data of a value goes.
struct msgpack_binaries {
  /// Here, and {"_placeholder":true,"num":N} into the JSON. Null: into the JSON, as JSON.stringify writes it.
  std::vector<bytes_view>* found;
  std::size_t count_max;  ///< most of them
};

/// Appends the value `in` to `out` as JSON. Integers are exact; NaN, infinities and `undefined` are null;
/// dates (timestamps, and fixext 8 of type 0) are strings of ISO 8601; ext of type 0 with a length of its own
/// is an ArrayBuffer, thus binary data; other ext are [type, binary data].
/// Errors, remote: bad_msgpack (also for bytes behind the value and keys that are no text), bad_utf8,
/// json_too_deep, too_many_attachments.
[[nodiscard]] result<void> msgpack_to_json(std::string_view in, std::uint16_t depth_max,
                                           msgpack_binaries const& binaries, std::string& out);

/// A stretch of JSON that stands for binary data.
struct json_binary {
  std::size_t begin;
  std::size_t end;
  bytes_view data;
};

/// Appends the value that `json` says to `out`, by append(char const*, std::size_t). Integers take the
/// shortest form, all other numbers are float 64. `binaries`: in order, none within another. Precondition:
/// scan_json() accepts `json`.
template <class Out>
void json_to_msgpack(std::string_view json, std::span<json_binary const> binaries, Out& out);

/// What json_to_msgpack() is made of, for who writes a map around it.
template <class Out>
class msgpack_writer {
 public:
  explicit msgpack_writer(Out& out) noexcept : out_(&out) {}

  void nil() { byte(0xC0); }
  void boolean(bool value) { byte(value ? 0xC3 : 0xC2); }
  void natural(std::uint64_t value) {
    if (value < 0x80) return byte(value);
    std::size_t const power = value < 0x100 ? 0 : value < 0x10000 ? 1 : value <= UINT32_MAX ? 2 : 3;
    byte(0xCC + power);
    big_endian(value, std::size_t{1} << power);
  }
  void integer(std::int64_t value) {
    if (value >= 0) return natural(static_cast<std::uint64_t>(value));
    if (value >= -0x20) return byte(static_cast<std::uint64_t>(value));
    std::size_t const power = value >= INT8_MIN ? 0 : value >= INT16_MIN ? 1 : value >= INT32_MIN ? 2 : 3;
    byte(0xD0 + power);
    big_endian(static_cast<std::uint64_t>(value), std::size_t{1} << power);
  }
  void real(double value) {
    byte(0xCB);
    big_endian(std::bit_cast<std::uint64_t>(value), 8);
  }
  void text(std::string_view utf8) {
    utf8.size() < 0x20 ? byte(0xA0 | utf8.size()) : head(0xD9, utf8.size(), 0);
    out_->append(utf8.data(), utf8.size());
  }
  void binary(bytes_view data) {
    head(0xC4, data.size(), 0);
    out_->append(as_text(data).data(), data.size());
  }
  void array(std::size_t count) { count < 0x10 ? byte(0x90 | count) : head(0xDC, count, 1); }
  void map(std::size_t count) { count < 0x10 ? byte(0x80 | count) : head(0xDE, count, 1); }

 private:
  void byte(std::uint64_t value) { big_endian(value, 1); }
  void big_endian(std::uint64_t value, std::size_t width) {
    char bytes[8];
    for (std::size_t i = 0; i < width; ++i) bytes[i] = static_cast<char>(value >> (8 * (width - 1 - i)));
    out_->append(bytes, width);
  }
  /// The first byte of a family and a count of 2^power bytes, `least` or more.
  void head(std::size_t family, std::size_t count, std::size_t least) {
    std::size_t const power = count < 0x100 && least == 0 ? 0 : count < 0x10000 ? 1 : 2;
    byte(family + power - least);
    big_endian(count, std::size_t{1} << power);
  }

  Out* out_;
};

// MessagePack to JSON.

namespace impl {

/// As Date.prototype.toISOString, in quotes; null where JavaScript has no date.
inline void write_iso_date(std::string& out, std::int64_t milliseconds) {
  constexpr std::int64_t day = 86'400'000, most = 100'000'000 * day;
  if (milliseconds < -most || milliseconds > most) return json_write(out, nullptr);
  auto const put = [&out](std::int64_t value, std::size_t digits) {
    char text[8];
    for (std::size_t i = digits; i-- > 0; value /= 10) text[i] = static_cast<char>('0' + value % 10);
    out.append(text, digits);
  };
  // Years begin in March here, so that the leap day is the last one; eras are of 400 years.
  constexpr std::int64_t era_days = 146'097, first_day = 719'468;  // from 0000-03-01 to 1970-01-01
  std::int64_t const days = (milliseconds + most) / day - most / day + first_day;
  std::int64_t const time = (milliseconds + most) % day;
  std::int64_t const era = (days >= 0 ? days : days - era_days + 1) / era_days;
  std::int64_t const of_era = days - era * era_days;
  std::int64_t const year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  std::int64_t const of_year = of_era - (365 * year + year / 4 - year / 100);
  std::int64_t const month = (5 * of_year + 2) / 153;
  std::int64_t const written = year + era * 400 + (month >= 10 ? 1 : 0);
  out += '"';
  if (written < 0 || written > 9999) out += written < 0 ? '-' : '+';
  put(written < 0 ? -written : written, written < 0 || written > 9999 ? 6 : 4);
  out += '-', put(month < 10 ? month + 3 : month - 9, 2);
  out += '-', put(of_year - (153 * month + 2) / 5 + 1, 2);
  out += 'T', put(time / 3'600'000, 2);
  out += ':', put(time / 60'000 % 60, 2);
  out += ':', put(time / 1000 % 60, 2);
  out += '.', put(time % 1000, 3);
  out += "Z\"";
}

class msgpack_transcoder {
 public:
  msgpack_transcoder(std::string_view in, std::uint16_t depth_max, msgpack_binaries const& binaries,
                     std::string& out) noexcept
      : in_(in), depth_max_(depth_max), binaries_(binaries), out_(out) {}

  [[nodiscard]] result<void> run() {
    do {
      if (!open_.empty()) {
        level& top = open_.back();
        if (top.left == 0) {
          out_ += top.map ? '}' : ']';
          open_.pop_back();
          continue;
        }
        if (!std::exchange(top.first, false)) out_ += ',';
        --top.left;
        if (top.map) {
          if (auto const written = key(); !written) return written;
        }
      }
      if (auto const written = value(); !written) return written;
    } while (!open_.empty());
    return in_.done() ? result<void>{} : fail(errc::bad_msgpack);
  }

 private:
  using kind = msgpack_token::kind;
  struct level {
    std::uint64_t left;
    bool map;
    bool first = true;
  };

  [[nodiscard]] tl::unexpected<error> fail(errc code) const noexcept {
    return remote_error(code, in_.offset());
  }

  [[nodiscard]] result<void> key() {
    auto const token = in_.next();
    if (!token) return tl::unexpected(token.error());
    if (token->is != kind::text) return fail(errc::bad_msgpack);
    return text(token->bytes).map([this] { out_ += ':'; });
  }

  [[nodiscard]] result<void> value() {
    auto const token = in_.next();
    if (!token) return tl::unexpected(token.error());
    switch (token->is) {
      case kind::nil: return json_write(out_, nullptr), result<void>{};
      case kind::boolean: return json_write(out_, token->number != 0), result<void>{};
      case kind::natural: return json_write(out_, token->number), result<void>{};
      case kind::negative: return json_write(out_, static_cast<std::int64_t>(token->number)), result<void>{};
      case kind::real: return json_write(out_, token->real), result<void>{};
      case kind::text: return text(token->bytes);
      case kind::binary: return binary(token->bytes);
      case kind::ext: return ext(*token);
      case kind::array:
      case kind::map: break;
    }
    if (open_.size() >= depth_max_) return fail(errc::json_too_deep);
    open_.push_back({token->number, token->is == kind::map});
    out_ += token->is == kind::map ? '{' : '[';
    return {};
  }

  [[nodiscard]] result<void> text(std::string_view utf8) {
    if (!utf8_valid(utf8)) return fail(errc::bad_utf8);
    json_write(out_, utf8);
    return {};
  }

  [[nodiscard]] result<void> binary(std::string_view data) {
    if (count_ >= binaries_.count_max) return fail(errc::too_many_attachments);
    std::size_t const num = count_++;
    if (binaries_.found == nullptr) {
      out_ += R"({"type":"Buffer","data":[)";
      for (char const& each : data) {
        if (&each != data.data()) out_ += ',';
        json_write(out_, static_cast<unsigned>(static_cast<unsigned char>(each)));
      }
      out_ += "]}";
      return {};
    }
    out_ += R"({"_placeholder":true,"num":)";
    json_write(out_, num);
    out_ += '}';
    binaries_.found->push_back(as_bytes(data));
    return {};
  }

  [[nodiscard]] result<void> ext(msgpack_token const& in) {
    if (in.undefined()) return json_write(out_, nullptr), result<void>{};
    if (in.ext_type == 0 && !in.fixed) return binary(in.bytes);
    auto const number = [&in](std::size_t from, std::size_t width) {
      std::uint64_t value = 0;
      for (char const c : in.bytes.substr(from, width)) value = value << 8 | static_cast<unsigned char>(c);
      return value;
    };
    if (in.ext_type == 0 && in.bytes.size() == 8) {
      write_iso_date(out_, static_cast<std::int64_t>(number(0, 8)));
      return {};
    }
    if (in.ext_type == -1) {
      constexpr std::uint64_t low = (std::uint64_t{1} << 34) - 1;
      switch (in.bytes.size()) {
        case 4: return timestamp(static_cast<std::int64_t>(number(0, 4)), 0);
        case 8: return timestamp(static_cast<std::int64_t>(number(0, 8) & low), number(0, 8) >> 34);
        case 12: return timestamp(static_cast<std::int64_t>(number(4, 8)), number(0, 4));
        default: break;
      }
    }
    out_ += '[';
    json_write(out_, static_cast<int>(in.ext_type));
    out_ += ',';
    return binary(in.bytes).map([this] { out_ += ']'; });
  }

  [[nodiscard]] result<void> timestamp(std::int64_t seconds, std::uint64_t nanoseconds) {
    constexpr std::int64_t most =
        8'640'000'000'001;  // beyond every date, and within an int64 as milliseconds
    if (nanoseconds > 999'999'999) return fail(errc::bad_msgpack);
    seconds = seconds < -most ? -most : seconds > most ? most : seconds;
    write_iso_date(out_, seconds * 1000 + static_cast<std::int64_t>(nanoseconds / 1'000'000));
    return {};
  }

  msgpack_reader in_;
  std::size_t depth_max_;
  msgpack_binaries const& binaries_;
  std::string& out_;
  std::vector<level> open_;
  std::size_t count_ = 0;  // of binary values
};

}  // namespace impl

inline result<void> msgpack_to_json(std::string_view in, std::uint16_t depth_max,
                                    msgpack_binaries const& binaries, std::string& out) {
  return impl::msgpack_transcoder(in, depth_max, binaries, out).run();
}

// JSON to MessagePack. Heads say how many elements follow, so the text is read twice.

namespace impl {

/// How many elements, or members, each array and object of `json` has, in the order of their brackets.
[[nodiscard]] inline std::vector<std::uint32_t> json_counts(std::string_view json,
                                                            std::span<json_binary const> binaries) {
  std::vector<std::uint32_t> counts;
  std::vector<std::size_t> open;
  for (std::size_t at = 0; at < json.size();) {
    char const c = json[at];
    if (json_space(c) || c == ':') {
      ++at;
    } else if (c == ',') {
      ++counts[open.back()], ++at;
    } else if (c == ']' || c == '}') {
      open.pop_back(), ++at;
    } else {
      if (!open.empty() && counts[open.back()] == 0) counts[open.back()] = 1;
      if (!binaries.empty() && binaries.front().begin == at) {
        at = binaries.front().end;
        binaries = binaries.subspan(1);
      } else if (c == '[' || c == '{') {
        open.push_back(counts.size());
        counts.push_back(0);
        ++at;
      } else {
        at = json_skip(json, at);
      }
    }
  }
  return counts;
}

template <class Out>
void write_json_number(msgpack_writer<Out>& out, std::string_view json) {
  auto const [is, negative, magnitude] = json_read_integer(json);
  if (is == json_integer::form::exact && !negative) return out.natural(magnitude);
  if (is == json_integer::form::exact && magnitude <= std::uint64_t{1} << 63) {
    return out.integer(static_cast<std::int64_t>(0 - magnitude));
  }
  constexpr double infinity = std::numeric_limits<double>::infinity();  // as JSON.parse reads 1e999
  out.real(json_number<double>(json).value_or(negative ? -infinity : infinity));
}

}  // namespace impl

template <class Out>
void json_to_msgpack(std::string_view json, std::span<json_binary const> binaries, Out& out) {
  auto const counts = impl::json_counts(json, binaries);
  auto count = counts.begin();
  msgpack_writer<Out> writer(out);
  std::string scratch;  // of strings with escapes
  for (std::size_t at = 0; at < json.size();) {
    char const c = json[at];
    if (!binaries.empty() && binaries.front().begin == at) {
      writer.binary(binaries.front().data);
      at = binaries.front().end;
      binaries = binaries.subspan(1);
      continue;
    }
    if (c == '[' || c == '{') {
      c == '[' ? writer.array(*count++) : writer.map(*count++);
      ++at;
      continue;
    }
    if (impl::json_space(c) || c == ',' || c == ':' || c == ']' || c == '}') {
      ++at;
      continue;
    }
    std::size_t const end = json_skip(json, at);
    std::string_view const value = json.substr(at, end - at);
    at = end;
    if (c == '"') {
      std::string_view text = json_string_raw(value);
      if (json_escaped(text)) {
        scratch.clear();
        json_unescape(text, scratch);
        text = scratch;
      }
      writer.text(text);
    } else if (c == 'n') {
      writer.nil();
    } else if (c == 't' || c == 'f') {
      writer.boolean(c == 't');
    } else {
      impl::write_json_number(writer, value);
    }
  }
}

}  // namespace siokit::inline v0
