// siokit/engineio/recorder.hpp - keeps what happens to the sessions of a server. SPDX-License-Identifier: MIT
// In: every call of a session, told by the server before it is made, and every pull, told after it. Out: the
// bytes of a recording, see recording.hpp, to whoever derives from it. A server without a recorder pays one
// test of a pointer for each. Owns a buffer of the longest entry, and a few bytes a slot.
#pragma once

#include <array>
#include <vector>

#include "siokit/engineio/recording_mask.hpp"

namespace siokit::inline v0::engineio {

/// The flight recorder of one server: derive, write what write() is given, and name it in the option
/// `recorder`. Outlives the server.
class recorder {
 public:
  explicit recorder(recording_mask mask = recording_mask::secrets) : mask_(mask) {
    bytes_.reserve(small_room);
  }
  recorder(recorder const&) = delete;
  recorder& operator=(recorder const&) = delete;
  virtual ~recorder() = default;

  [[nodiscard]] recording_mask mask() const noexcept { return mask_; }

  // For the server. `slot`: where it keeps the session; sessions that have begun before are not recorded.

  void on_start(std::uint32_t slot, server_config const& options, session_start start, time_point now) {
    if (!begun_) write_head(options, now);
    if (stopped_) return;
    if (slot >= slots_.size()) slots_.resize(slot + 1);
    slots_[slot] = {.known = true, .form = text_form(start.revision)};
    if (mask_ != recording_mask::none) start.id = sid(std::string(start.id.view().size(), 'x'));
    recorded entry{.type = recorded::kind::start, .slot = slot, .begin = start};
    write(entry, now);
  }
  /// Before it is applied.
  void on_input(std::uint32_t slot, server_session const& to, session_input const& in) {
    using kind = session_input::kind;
    if (!knows(slot)) return;
    auto& state = slots_[slot];
    recorded entry{.type = recorded::kind::input, .slot = slot, .input = in};
    if (in.type == kind::set_jsonp) state.jsonp = true;
    if (in.type == kind::post_opened) state.form = in.flag ? payload_form::binary : text_form(to.revision());
    if (in.type == kind::post_received) entry.input.data.data = {in.body.data(), in.body.size()};
    if (mask_ != recording_mask::none) conceal(entry.input, state, to.revision());
    write(entry, timed(in.type) ? in.now : last_);
  }
  // What comes out is told when it is too late to fail. Small entries, of what goes in too, need no memory.

  void on_event(std::uint32_t slot, time_point now, std::optional<session_event> const& out) noexcept {
    if (knows(slot)) {
      write({.type = recorded::kind::event, .slot = slot, .digest = digest().of(out)}, now);
    }
  }
  void on_transmit(std::uint32_t slot, wire which, transmit const& out) noexcept {
    if (!knows(slot)) return;
    recorded entry{.type = recorded::kind::transmit, .slot = slot, .digest = digest().of(out)};
    entry.input.name = which.value;
    write(entry, last_);
  }
  void on_response(std::uint32_t slot, response const& out) noexcept {
    if (knows(slot)) {
      write({.type = recorded::kind::response, .slot = slot, .digest = digest().of(out)}, last_);
    }
  }

 protected:
  /// Takes the next bytes of the recording: its head, or whole entries. Called in the midst of things, so it
  /// must not call the server, nor throw.
  virtual void write(std::string_view bytes) noexcept = 0;
  /// Nothing is recorded any more.
  void stop() noexcept {
    slots_.clear();
    stopped_ = true;
  }

 private:
  struct slot_state {
    bool known = false;
    bool jsonp = false;
    payload_form form = payload_form::separated;  // of the POST that was opened last
  };

  [[nodiscard]] static payload_form text_form(std::uint8_t revision) noexcept {
    return revision == 3 ? payload_form::text : payload_form::separated;
  }
  [[nodiscard]] static bool timed(session_input::kind type) noexcept {
    using kind = session_input::kind;
    return type == kind::wire_opened || type == kind::receive || type == kind::poll_opened ||
           type == kind::post_received || type == kind::advance || type == kind::close;
  }
  [[nodiscard]] bool knows(std::uint32_t slot) const noexcept {
    return slot < slots_.size() && slots_[slot].known;
  }
  [[nodiscard]] output_digest digest() const noexcept { return output_digest(mask_ == recording_mask::none); }

  void write_head(server_config const& options, time_point now) {
    last_ = now;
    write(std::string(impl::recording_head).append(to_string(mask_)) + '\n');
    recorded entry{.type = recorded::kind::options, .options = options};
    if (mask_ != recording_mask::none) entry.options.initial_packet = masked(options.initial_packet);
    write(entry, now);
    begun_ = true;
  }

  void write(recorded const& entry, time_point now) {
    if (stopped_) return;
    auto const elapsed = (now - last_).count();
    last_ = now;
    bytes_.assign(length_room, '\0');
    impl::field_writer field(bytes_);
    bool const input = entry.type == recorded::kind::input;
    field(static_cast<std::uint64_t>(entry.type) +
          (input ? static_cast<std::uint64_t>(entry.input.type) : 0));
    field(entry.slot);
    field(static_cast<std::uint64_t>(elapsed) << 1 ^ (elapsed < 0 ? UINT64_MAX : 0));
    impl::each_field(entry, field);
    std::string length;
    impl::append_varint(length, bytes_.size() - length_room);
    std::size_t const begin = length_room - length.size();
    bytes_.replace(begin, length.size(), length);
    write(std::string_view(bytes_).substr(begin));
    if (bytes_.capacity() <= kept_capacity) return;
    bytes_.resize(small_room);
    bytes_.shrink_to_fit();
  }

  void conceal(session_input& in, slot_state const& state, std::uint8_t revision) {
    using kind = session_input::kind;
    if (in.type == kind::send) in.item = masked(in.item);
    if (in.type != kind::receive && in.type != kind::post_received) return;
    if (in.type == kind::receive || !state.jsonp) {
      masked_ = in.data.data;
      in.type == kind::receive ? impl::mask_packet(masked_, in.data.kind, revision, mask_)
                               : impl::mask_payload(masked_, state.form, mask_);
    } else {
      masked_ = impl::masked_form(in.data.data, state.form, mask_);
    }
    in.data.data = masked_;
  }
  [[nodiscard]] message masked(message const& item) {
    std::string frames(item.frames());
    for (auto packets = item.packets(); !packets.done();) {
      frame const each = packets.next();
      auto const at = static_cast<std::size_t>(each.data.data() - item.frames().data());
      impl::mask_packet(std::span<char>(frames).subspan(at, each.data.size()), each.kind, 4, mask_);
    }
    if (frames.empty()) return item;
    message out = message_of_frames(frames, item.capacity());
    if (!item.compress()) out.no_compress();
    return out;
  }

  static constexpr std::size_t length_room = 10;
  static constexpr std::size_t small_room = 256;
  static constexpr std::size_t kept_capacity = 64 * 1024;

  std::vector<slot_state> slots_;
  std::string bytes_;   // of the entry under way
  std::string masked_;  // what its data has become
  time_point last_{};
  recording_mask mask_;
  bool begun_ = false;
  bool stopped_ = false;
};

}  // namespace siokit::inline v0::engineio
