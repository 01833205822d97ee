// siokit/socketio/args.hpp - the arguments of an event or an acknowledgement.   SPDX-License-Identifier: MIT
// A view of the packet: JSON text and attachments, read on demand, typed. Dies with the handler it was given
// to; own() keeps it. User types are read and written by a specialisation of siokit::argument<T>.
#pragma once

#include <concepts>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "siokit/core/bytes.hpp"
#include "siokit/socketio/packet.hpp"

namespace siokit::inline v0 {

/// JSON text as an argument: read without a look, written as it is. What is written must be one JSON value.
struct raw_json {
  std::string_view text;
};

namespace socketio {
class owned_args;
class argument_writer;
using attachments_view = std::span<bytes_view const>;
}  // namespace socketio

/// How a type is read from, and written to, an argument. Specialise it for your own types, one half or both:
///   static result<T> read(std::string_view json, attachments_view attachments);
///   static void write(argument_writer& out, T const& value);
/// `json` is one JSON value, checked, without white space around it. Parts of it are read with
/// read_argument<U>(), to which `attachments` is passed on; an error is remote_error(wrong_argument_type) or
/// its like. For a struct, object_argument of argument.hpp has both halves. A type that stands for a value or
/// none says `using optional = void`: it is read even where there is no argument.
template <class T>
struct argument;

namespace socketio {

template <class T>
concept readable = requires(std::string_view json, attachments_view attachments) {
  { argument<T>::read(json, attachments) } -> std::same_as<result<T>>;
};
template <class T>
concept writable = requires(argument_writer& out, T const& value) {
  argument<T>::write(out, value);
};

/// Reads the JSON text of a value, or of none: then missing_argument, unless T is optional.
template <class T>
[[nodiscard]] result<T> read_argument(std::optional<std::string_view> json, attachments_view attachments) {
  static_assert(readable<T>, "this type can't be read from an argument: specialise siokit::argument<T>");
  if (json) return argument<T>::read(*json, attachments);
  if constexpr (requires { typename argument<T>::optional; }) {
    return T{};
  } else {
    return remote_error(errc::missing_argument);
  }
}

/// The arguments: a range of JSON texts, and typed access to each. Cheap to copy.
class args {
 public:
  args() noexcept = default;
  /// The arguments of an EVENT (without its name) or an ACK. Other packets have none.
  args(packet_view const& packet, attachments_view attachments) noexcept
      : json_(packet.data), attachments_(attachments) {
    bool const answers = packet.type == packet_type::ack || packet.type == packet_type::binary_ack;
    if (!answers && !is_event(packet.type)) return;
    count_ = packet.summary.count;
    if (answers) begin_at(json_elements(json_));
    if (answers || count_ == 0) return;
    --count_;
    begin_ = packet.summary.first_end;  // the name is not read again
  }
  /// The elements of a JSON array that scan_json() accepted and found to have `count` of them.
  args(std::string_view array, std::uint32_t count, attachments_view attachments = {}) noexcept
      : json_(array), attachments_(attachments), count_(count) {
    begin_at(json_elements(array));
  }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// Those of the whole packet.
  [[nodiscard]] attachments_view attachments() const noexcept { return attachments_; }

  /// The JSON text of an argument. Error, remote: missing_argument; the offset is the index.
  [[nodiscard]] result<std::string_view> raw(std::size_t index) const noexcept {
    if (index >= count_) return remote_error(errc::missing_argument, index);
    return *element(index);
  }

  /// Reads an argument as bool, a number, std::string, std::string_view (when it holds no escapes),
  /// bytes_view (an attachment), std::optional (null and missing are nullopt), a container, a tuple,
  /// raw_json, or a type of yours: argument.hpp lists them. Views live as long as the packet.
  /// Errors, remote; the offset is the index: missing_argument, wrong_argument_type, number_out_of_range,
  /// argument_escaped.
  template <class T>
  [[nodiscard]] result<T> get(std::size_t index) const {
    auto value = read_argument<T>(index < count_ ? element(index) : std::nullopt, attachments_);
    if (!value) value = remote_error(value.error().code, index);
    return value;
  }

  /// The arguments from `first` on.
  [[nodiscard]] args slice(std::size_t first) const noexcept {
    args rest = *this;
    std::uint32_t const gone = first < count_ ? static_cast<std::uint32_t>(first) : count_;
    json_elements left = elements();
    left.skip(gone);
    rest.begin_at(left);
    rest.count_ -= gone;
    return rest;
  }

  class iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;

    [[nodiscard]] std::string_view operator*() const noexcept { return now_; }
    iterator& operator++() noexcept {
      if (--left_ != 0) read();
      return *this;
    }
    void operator++(int) noexcept { ++*this; }
    [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept { return left_ == 0; }

   private:
    friend class args;
    explicit iterator(args const& of) noexcept : elements_(of.elements()), left_(of.count_) {
      if (left_ != 0) read();
    }
    void read() noexcept {
      now_ = left_ == 1 ? all_of(elements_) : elements_.next().value_or(std::string_view{});
    }

    json_elements elements_;
    std::string_view now_;
    std::uint32_t left_;
  };

  /// The JSON text of each argument: `for (std::string_view json : all)`.
  [[nodiscard]] iterator begin() const noexcept { return iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  /// A copy that lives on its own.
  [[nodiscard]] owned_args own() const;

  /// About how many bytes they take when they are written again.
  [[nodiscard]] std::size_t size_hint() const noexcept {
    std::size_t size = json_.size();
    for (auto const part : attachments_) size += part.size() + 10;
    return size;
  }

 private:
  [[nodiscard]] json_elements elements() const noexcept {
    return json_elements::from({json_.data() + begin_, json_.size() - begin_});
  }
  void begin_at(json_elements const& left) noexcept {
    begin_ = static_cast<std::uint32_t>(json_.size() - left.rest().size());
  }
  /// The end of the last one is that of the array, and not looked for.
  [[nodiscard]] std::optional<std::string_view> element(std::size_t index) const noexcept {
    json_elements left = elements();
    left.skip(index);
    if (index + 1 == count_) return all_of(left);
    return left.next();
  }
  /// What stands between here and the bracket that ends the array.
  [[nodiscard]] static std::string_view all_of(json_elements const& left) noexcept {
    std::string_view all = left.rest();
    char const* begin = all.data();
    char const* end = begin + all.size();
    while (begin != end && siokit::impl::json_space(*begin)) ++begin;
    while (begin != end && *--end != ']') continue;
    while (begin != end && siokit::impl::json_space(end[-1])) --end;
    return {begin, static_cast<std::size_t>(end - begin)};
  }

  std::string_view json_;
  attachments_view attachments_;
  std::uint32_t begin_ = 0;  // where in json_ to look for the first of them
  std::uint32_t count_ = 0;
};
static_assert(std::is_trivially_copyable_v<args> && std::input_iterator<args::iterator>);

/// Arguments with memory of their own.
class owned_args {
 public:
  owned_args() = default;
  explicit owned_args(args const& from) : json_("["), count_(static_cast<std::uint32_t>(from.size())) {
    for (std::string_view const json : from) {
      if (json_.size() > 1) json_ += ',';
      json_ += json;
    }
    json_ += ']';
    parts_.reserve(from.attachments().size());
    for (auto const part : from.attachments()) {
      parts_.emplace_back(as_text(part));
      views_.push_back(as_bytes(parts_.back()));
    }
  }
  owned_args(owned_args&& other) noexcept { swap(other); }
  owned_args& operator=(owned_args&& other) noexcept {
    owned_args taken(std::move(other));
    swap(taken);
    return *this;
  }

  /// Borrows this.
  [[nodiscard]] args view() const& noexcept { return args(json_, count_, views_); }
  args view() const&& = delete;
  operator args() const& noexcept { return view(); }
  operator args() const&& = delete;

 private:
  void swap(owned_args& other) noexcept {
    json_.swap(other.json_);
    parts_.swap(other.parts_);
    views_.swap(other.views_);
    std::swap(count_, other.count_);
  }

  std::string json_;
  std::vector<std::string> parts_;  // its buffer is never reallocated, nor is it by a move: views stay valid
  std::vector<bytes_view> views_;
  std::uint32_t count_ = 0;
};

inline owned_args args::own() const {
  return owned_args(*this);
}

}  // namespace socketio

using socketio::argument_writer;
using socketio::attachments_view;
using socketio::read_argument;

}  // namespace siokit::inline v0

// The types that are readable and writable out of the box.
#include "siokit/socketio/argument.hpp"
