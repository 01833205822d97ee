// siokit/socketio/encoder.hpp - events and acknowledgements to messages.   SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5. One allocation, the message block; one more when there are
// attachments. The text begins with the Engine.IO type `4`, so that the message is ready for every transport.
#pragma once

#include <charconv>
#include <optional>

#include "siokit/socketio/argument.hpp"
#include "siokit/socketio/auth.hpp"

namespace siokit::inline v0::socketio {

namespace impl {

/// Writes `[`, then each value behind the one before it, then `]`. A value of type args stands for all it
/// holds.
class array_writer {
 public:
  explicit array_writer(message_builder& out) noexcept : writer_(out) {}

  template <class T>
  void add(T const& value) {
    if constexpr (std::is_same_v<T, args>) {
      value.for_each([&](std::string_view element) {
        separate();
        writer_.json(element, value.attachments());
      });
    } else if constexpr (std::is_same_v<T, owned_args>) {
      add(value.view());
    } else {
      separate();
      writer_.write(value);
    }
  }
  void separate() { writer_.json(std::exchange(first_, false) ? "[" : ","); }
  void end() { writer_.json(first_ ? "[]" : "]"); }
  [[nodiscard]] attachments_view attachments() const noexcept { return writer_.attachments(); }

 private:
  argument_writer writer_;
  bool first_ = true;
};

/// Literals are arrays of characters.
template <class T>
using written_as = std::conditional_t<std::is_array_v<T>, char const*, T>;

inline constexpr std::size_t id_digits_max = 20;

/// Puts everything that stands before the payload in front of it, and the attachments behind.
[[nodiscard]] inline message finish_packet(message_builder& out, packet_type type, std::string_view nsp,
                                           std::optional<std::uint64_t> id, attachments_view attachments) {
  char number[id_digits_max];
  auto const digits = [&](std::uint64_t value) {
    auto const end = std::to_chars(number, number + sizeof number, value).ptr;
    return std::string_view(number, static_cast<std::size_t>(end - number));
  };
  if (id) out.prepend(digits(*id));
  if (nsp != "/") {
    out.prepend(",");
    out.prepend(nsp);
  }
  if (!attachments.empty()) {
    out.prepend("-");
    out.prepend(digits(attachments.size()));
    type = type == packet_type::event ? packet_type::binary_event : packet_type::binary_ack;
  }
  char const head[] = {'4', static_cast<char>('0' + static_cast<int>(type))};
  out.prepend({head, sizeof head});
  out.close_text();
  for (bytes_view const each : attachments) out.attach(each);
  return out.finish();
}

[[nodiscard]] inline std::size_t head_room(std::string_view nsp) noexcept {
  return nsp.size() + 2 * id_digits_max + 4;
}

}  // namespace impl

/// An EVENT, or a BINARY_EVENT when some argument is binary. `id`: an acknowledgement is asked for.
/// Error, local: reserved_event.
template <class... Args>
[[nodiscard]] result<message> encode_event(std::string_view nsp, std::optional<std::uint64_t> id,
                                           std::string_view name, Args const&... values) {
  for (auto const reserved : reserved_events) {
    if (name == reserved) return local_error(errc::reserved_event);
  }
  message_builder out(impl::head_room(nsp));
  impl::array_writer array(out);
  array.add(name);
  (array.add<impl::written_as<Args>>(values), ...);
  array.end();
  return impl::finish_packet(out, packet_type::event, nsp, id, array.attachments());
}

/// An ACK, or a BINARY_ACK.
template <class... Args>
[[nodiscard]] result<message> encode_ack(std::string_view nsp, std::uint64_t id, Args const&... values) {
  message_builder out(impl::head_room(nsp));
  impl::array_writer array(out);
  (array.add<impl::written_as<Args>>(values), ...);
  array.end();
  return impl::finish_packet(out, packet_type::ack, nsp, id, array.attachments());
}

}  // namespace siokit::inline v0::socketio
