// siokit/socketio/encoder.hpp - events and acknowledgements to messages.   SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5. One allocation, the message block; binary packets need a few more.
// The text begins with the Engine.IO type `4`, so that the message is ready for every transport. CONNECT,
// CONNECT_ERROR and DISCONNECT are in auth.hpp.
#pragma once

#include <optional>

#include "siokit/socketio/argument.hpp"
#include "siokit/socketio/auth.hpp"

namespace siokit::inline v0::socketio {

namespace impl {

/// Literals are arrays of characters.
template <class T>
using written_as = std::conditional_t<std::is_array_v<T>, std::decay_t<T const>, T>;

/// About how many bytes a value takes, its comma included. What it is wrong about costs a second allocation.
template <class T>
[[nodiscard]] std::size_t size_hint(T const& value) noexcept {
  if constexpr (requires { value.size_hint(); }) {
    return value.size_hint();
  } else if constexpr (std::is_same_v<T, raw_json>) {
    return value.text.size() + 1;
  } else if constexpr (binary<T>) {
    return value.size() * sizeof(value[0]) + 48;
  } else if constexpr (std::is_convertible_v<T const&, std::string_view> && !std::is_null_pointer_v<T>) {
    return std::string_view(value).size() + 3;
  } else if constexpr (requires { value.size(); }) {
    return value.size() * 16 + 3;
  } else {
    return 24;
  }
}

/// Writes `[`, then each value behind the one before it, then `]`. A value of type args stands for all it
/// holds.
class array_writer {
 public:
  explicit array_writer(message_builder& out) noexcept : writer_(out) {}

  template <class T>
  void add(T const& value) {
    if constexpr (std::is_same_v<T, owned_args>) {
      add(value.view());
    } else if constexpr (std::is_same_v<T, args>) {
      for (std::string_view const json : value) {
        separate();
        writer_.json(json, value.attachments());
      }
    } else {
      separate();
      writer_.write(value);
    }
  }
  void end() {
    if (first_) writer_.json('[');
    writer_.json(']');
  }
  [[nodiscard]] attachments_view attachments() const noexcept { return writer_.attachments(); }
  [[nodiscard]] error failure() const noexcept { return writer_.failure(); }

 private:
  void separate() { writer_.json(std::exchange(first_, false) ? '[' : ','); }

  argument_writer writer_;
  bool first_ = true;
};

inline constexpr std::size_t id_digits_max = 20;

[[nodiscard]] inline std::size_t head_room(std::string_view nsp) noexcept {
  return nsp.size() + 2 * id_digits_max + 4;
}

/// Puts what stands before the payload in front of it, and the attachments behind.
[[nodiscard]] inline result<message> finish_packet(message_builder& out, packet_type type,
                                                   std::string_view nsp, std::optional<std::uint64_t> id,
                                                   attachments_view attachments) {
  // From the end to the front, as it is put before the payload.
  char head[2 * id_digits_max + 4];
  char* const end = head + sizeof head;
  char* at = end;
  std::size_t size = 0;
  auto const put = [&at](char c) { *--at = c; };
  auto const put_number = [&put](std::uint64_t value) {
    do put(static_cast<char>('0' + value % 10));
    while ((value /= 10) != 0);
  };
  auto const prepend = [&](std::string_view text) {
    out.prepend(text);
    size += text.size();
  };
  auto const prepend_head = [&] { prepend({at, static_cast<std::size_t>(end - std::exchange(at, end))}); };
  if (id) put_number(*id);
  if (!is_root(nsp)) {
    put(',');
    prepend_head();
    prepend(nsp);
  }
  if (!attachments.empty()) {
    put('-');
    put_number(attachments.size());
    type = type == packet_type::event ? packet_type::binary_event : packet_type::binary_ack;
  }
  put(static_cast<char>('0' + static_cast<int>(type)));
  put('4');
  prepend_head();
  out.close_text();
  for (bytes_view const each : attachments) out.attach(each);
  message done = out.finish();
  if (attachments.empty()) return done;
  // JSON given as it is may hold an object that looks like a placeholder. Harmless in a text packet; here a
  // peer would break the connection of everybody it is sent to.
  std::string_view const payload = done.packets().next().data.substr(size);
  if (!placeholders_fit(payload, attachments.size())) return local_error(errc::illegal_attachments);
  return done;
}

template <class... Args>
[[nodiscard]] result<message> encode_array(message_pool* pool, packet_type type, std::string_view nsp,
                                           std::optional<std::uint64_t> id, Args const&... values) {
  constexpr std::size_t hint_max = std::size_t{1} << 30;  // the builder refuses what is too large
  std::size_t const hint = (std::size_t{2} + ... + size_hint<written_as<Args>>(values));
  message_builder out(head_room(nsp), hint < hint_max ? hint : hint_max, pool);
  array_writer array(out);
  (array.add<written_as<Args>>(values), ...);
  array.end();
  if (auto const why = array.failure(); why.code != errc::ok) return tl::unexpected(why);
  return finish_packet(out, type, nsp, id, array.attachments());
}

template <class... Args>
[[nodiscard]] result<message> encode_event(message_pool* pool, std::string_view nsp,
                                           std::optional<std::uint64_t> id, std::string_view name,
                                           Args const&... values) {
  for (auto const reserved : reserved_events) {
    if (name == reserved) return local_error(errc::reserved_event);
  }
  return encode_array(pool, packet_type::event, nsp, id, name, values...);
}

}  // namespace impl

/// An EVENT, or a BINARY_EVENT when some argument is binary. `id`: an acknowledgement is asked for. `nsp`
/// begins with '/' and holds no comma. A value of type args or owned_args stands for all the arguments it
/// holds.
/// Errors, local: reserved_event; what scan_json() says of a raw_json, with the offset in it, or bad_utf8;
/// illegal_attachments if JSON given as it is (raw_json, args) names an attachment that the packet does not
/// have.
template <class... Args>
[[nodiscard]] result<message> encode_event(std::string_view nsp, std::optional<std::uint64_t> id,
                                           std::string_view name, Args const&... values) {
  return impl::encode_event(nullptr, nsp, id, name, values...);
}
/// The same, with memory from a pool if the packet is small.
template <class... Args>
[[nodiscard]] result<message> encode_event(message_pool& pool, std::string_view nsp,
                                           std::optional<std::uint64_t> id, std::string_view name,
                                           Args const&... values) {
  return impl::encode_event(&pool, nsp, id, name, values...);
}

/// An ACK, or a BINARY_ACK. Errors, local: those of encode_event().
template <class... Args>
[[nodiscard]] result<message> encode_ack(std::string_view nsp, std::uint64_t id, Args const&... values) {
  return impl::encode_array(nullptr, packet_type::ack, nsp, id, values...);
}
/// The same, with memory from a pool if the packet is small.
template <class... Args>
[[nodiscard]] result<message> encode_ack(message_pool& pool, std::string_view nsp, std::uint64_t id,
                                         Args const&... values) {
  return impl::encode_array(&pool, packet_type::ack, nsp, id, values...);
}

/// One value as JSON. Errors, local: those of encode_event(), and illegal_attachments for a value that is
/// binary, in part or whole.
template <class T>
[[nodiscard]] result<std::string> encode_json(T const& value) {
  static_assert(!std::is_same_v<T, args> && !std::is_same_v<T, owned_args>, "that may be several values");
  return impl::encode_array(nullptr, packet_type::ack, "/", {}, value).and_then([](message const& packet) {
    std::string_view text = packet.packets().next().data;
    text.remove_prefix(text.find('[') + 1);
    text.remove_suffix(1);
    if (packet.packet_count() > 1) return result<std::string>(local_error(errc::illegal_attachments));
    return result<std::string>(text);
  });
}

}  // namespace siokit::inline v0::socketio
