// siokit/socketio/args.hpp - the arguments of an event or an acknowledgement.   SPDX-License-Identifier: MIT
// A view of the packet: JSON text and attachments, read on demand, typed. Dies with the handler it was given
// to; own() keeps it. User types are read and written by a specialisation of siokit::argument<T>.
#pragma once

#include <concepts>
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
using attachments_view = std::span<bytes_view const>;
}  // namespace socketio

/// How a type is read from, and written to, an argument. Specialise for your own types:
///   static result<T> read(std::string_view json, socketio::attachments_view attachments);
///   static void write(socketio::argument_writer& out, T const& value);
template <class T>
struct argument;

namespace socketio {

template <class T>
concept readable = requires(std::string_view json, attachments_view attachments) {
  { argument<T>::read(json, attachments) } -> std::same_as<result<T>>;
};

class args {
 public:
  args() noexcept = default;
  /// The arguments of an EVENT (without its name) or an ACK.
  args(packet_view const& packet, attachments_view attachments) noexcept
      : json_(packet.data), attachments_(attachments) {
    bool const event = packet.type == packet_type::event || packet.type == packet_type::binary_event;
    skip_ = event && packet.summary.count > 0 ? 1 : 0;
    count_ = packet.summary.count - skip_;
  }
  /// The elements of a JSON array that scan_json() accepted.
  args(std::string_view array, std::uint32_t count, attachments_view attachments = {}) noexcept
      : json_(array), attachments_(attachments), count_(count) {}

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] attachments_view attachments() const noexcept { return attachments_; }

  /// The JSON text of an argument. Error, remote: missing_argument; the offset is the index.
  [[nodiscard]] result<std::string_view> raw(std::size_t index) const noexcept {
    if (index >= count_) return remote_error(errc::missing_argument, index);
    return element(index);
  }

  /// Reads an argument as arithmetic, bool, std::string, std::string_view (when it holds no escapes),
  /// std::optional (null and missing are nullopt), vector, map, tuple, bytes_view (an attachment), raw_json,
  /// or a type of yours.
  /// Errors, remote; the offset is the index: missing_argument, wrong_argument_type, number_out_of_range,
  /// argument_escaped.
  template <class T>
  [[nodiscard]] result<T> get(std::size_t index) const {
    static_assert(readable<T>,
                  "no siokit::argument<T> for this type: see docs/guide.md, and args_containers.hpp");
    if (index >= count_) {
      if constexpr (requires { typename argument<T>::optional; }) return T{};
      return remote_error(errc::missing_argument, index);
    }
    auto value = argument<T>::read(element(index), attachments_);
    if (!value) return remote_error(value.error().code, index);
    return value;
  }

  /// The arguments from `first` on.
  [[nodiscard]] args slice(std::size_t first) const noexcept {
    args rest = *this;
    std::uint32_t const gone = first < count_ ? static_cast<std::uint32_t>(first) : count_;
    rest.skip_ += gone;
    rest.count_ -= gone;
    return rest;
  }

  /// Calls `visit(std::string_view json)` for each argument.
  template <class Visit>
  void for_each(Visit&& visit) const {
    if (count_ == 0) return;
    json_elements elements(json_);
    for (std::uint32_t i = 0; i < skip_; ++i) static_cast<void>(elements.next());
    for (std::uint32_t i = 0; i < count_; ++i) visit(elements.next().value_or("null"));
  }

  /// A copy that lives on its own.
  [[nodiscard]] owned_args own() const;

 private:
  [[nodiscard]] std::string_view element(std::size_t index) const noexcept {
    json_elements elements(json_);
    for (std::size_t i = 0; i < skip_ + index; ++i) static_cast<void>(elements.next());
    return elements.next().value_or("null");
  }

  std::string_view json_;
  attachments_view attachments_;
  std::uint32_t skip_ = 0;
  std::uint32_t count_ = 0;
};
static_assert(std::is_trivially_copyable_v<args>);

/// Arguments with memory of their own.
class owned_args {
 public:
  owned_args() = default;
  explicit owned_args(args const& from) : json_("["), count_(static_cast<std::uint32_t>(from.size())) {
    from.for_each([&](std::string_view json) {
      if (json_.size() > 1) json_ += ',';
      json_ += json;
    });
    json_ += ']';
    for (auto const part : from.attachments()) parts_.emplace_back(as_text(part));
    for (auto const& part : parts_) views_.push_back(as_bytes(part));
  }
  owned_args(owned_args&&) noexcept = default;
  owned_args& operator=(owned_args&&) noexcept = default;

  [[nodiscard]] args view() const& noexcept { return args(json_, count_, views_); }
  args view() const&& = delete;

 private:
  std::string json_;
  std::vector<std::string> parts_;
  std::vector<bytes_view> views_;
  std::uint32_t count_ = 0;
};

inline owned_args args::own() const {
  return owned_args(*this);
}

}  // namespace socketio
}  // namespace siokit::inline v0

// The types that are readable and writable out of the box.
#include "siokit/socketio/argument.hpp"
