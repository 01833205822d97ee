// siokit/engineio/recording.hpp - the file that a recorder writes, its entries.  SPDX-License-Identifier: MIT
// In and out: bytes. A line `siokit-recording 1 MASK`, then entries: the length of what follows, a kind, a
// slot, the time since the entry before in ns, fields. Numbers are varints of 7 bits a byte, the least first;
// those that may be negative are folded. What an entry consists of is said once, for writing and for reading.
// The reader takes any bytes, borrows them, and allocates in proportion to what it has read.
#pragma once

#include <bit>
#include <concepts>
#include <limits>

#include "siokit/engineio/session_input.hpp"

namespace siokit::inline v0::engineio {

/// What a recording keeps to itself: see recording_mask.hpp.
enum class recording_mask : std::uint8_t {
  none,        ///< everything is in it as it came
  secrets,     ///< ids of sessions and what clients authenticate with are not
  everything,  ///< nothing that a packet carries is
};

[[nodiscard]] constexpr std::string_view to_string(recording_mask mask) noexcept {
  return mask == recording_mask::none ? "none" : mask == recording_mask::secrets ? "secrets" : "everything";
}

/// One entry of a recording.
struct recorded {
  enum class kind : std::uint8_t {
    options,   ///< of the server, before its first session
    start,     ///< a session takes its slot, which it has until another one takes it
    event,     ///< one pull of poll_event()
    transmit,  ///< one of poll_transmit(), of the wire `input.name`
    response,  ///< one of poll_response()
    input,     ///< anything else that was done to the session
  } type = kind::options;
  std::uint64_t slot = 0;
  duration at{};  ///< since the beginning of the recording; an input without a time has that of the last one
  server_config options{.path = {}};  ///< those that a session reads
  session_start begin{};
  session_input input{};
  std::uint32_t digest = 0;  ///< of what was pulled: see digest_of()
};

namespace impl {

inline constexpr std::string_view recording_head = "siokit-recording 1 ";

/// Times in a recording are at most 73 years apart, so that no sum of them overflows.
inline constexpr std::uint64_t recording_span_max = std::uint64_t{1} << 61;

inline void append_varint(std::string& out, std::uint64_t value) {
  for (; value > 0x7F; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

/// Appends fields to an entry.
class field_writer {
 public:
  explicit field_writer(std::string& out) noexcept : out_(&out) {}

  template <std::unsigned_integral Number>
  void operator()(Number value) {
    append_varint(*out_, value);
  }
  void operator()(duration value) { append_varint(*out_, static_cast<std::uint64_t>(value.count())); }
  void operator()(rate_limit const& rate) {
    append_varint(*out_, std::bit_cast<std::uint64_t>(rate.per_second()));
    append_varint(*out_, std::bit_cast<std::uint64_t>(rate.burst()));
  }
  void operator()(std::string_view bytes) {
    append_varint(*out_, bytes.size());
    out_->append(bytes);
  }
  void operator()(sid const& id) { (*this)(id.view()); }
  /// An enumeration up to `last`.
  template <class Name>
  void operator()(Name value, Name) {
    append_varint(*out_, static_cast<std::uint64_t>(value));
  }
  void operator()(message const& item) {
    append_varint(*out_, item.packet_count());
    for (auto packets = item.packets(); !packets.done();) {
      frame const each = packets.next();
      append_varint(*out_, each.kind == frame_kind::text ? 0 : 1);
      (*this)(each.data);
    }
    append_varint(*out_, item.capacity());
    (*this)(item.compress());
  }

 private:
  std::string* out_;
};

/// Takes fields off an entry. Once one is not there or not what it must be, good() is false.
class field_reader {
 public:
  explicit field_reader(std::string_view in) noexcept : rest_(in) {}

  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  template <std::unsigned_integral Number>
  void operator()(Number& value) noexcept {
    value = static_cast<Number>(up_to(std::numeric_limits<Number>::max()));
  }
  void operator()(duration& value) noexcept { value = duration(static_cast<std::int64_t>(up_to(INT64_MAX))); }
  void operator()(rate_limit& rate) noexcept {
    auto const per_second = std::bit_cast<double>(up_to(UINT64_MAX));
    auto const burst = std::bit_cast<double>(up_to(UINT64_MAX));
    rate = rate_limit(per_second, burst);
    if (!rate.unlimited() && !(per_second > 0 && burst >= 0)) fail();
  }
  void operator()(std::string_view& bytes) noexcept {
    auto const size = up_to(rest_.size());
    if (size > rest_.size()) return fail();
    bytes = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(bytes.size());
  }
  void operator()(sid& id) noexcept {
    std::string_view text;
    (*this)(text);
    if (text.size() > sid::size_max) return fail();
    id = sid(text);
  }
  template <class Name>
  void operator()(Name& value, Name last) noexcept {
    value = static_cast<Name>(up_to(static_cast<std::uint64_t>(last)));
  }
  void operator()(message& item) {
    std::uint64_t count = up_to(rest_.size());
    std::string frames;
    for (; good_ && count > 0; --count) {
      bool binary = false;
      std::string_view data;
      (*this)(binary), (*this)(data);
      char head[message_builder::header_room];
      frames.append(head, write_frame_header(head, binary ? 0x82 : 0x81, data.size(), false));
      frames.append(data);
    }
    auto const capacity = static_cast<std::uint32_t>(up_to(UINT32_MAX));
    bool compress = false;
    (*this)(compress);
    constexpr std::size_t longest = 1 << 30;
    if (frames.size() > longest) fail();
    if (!good_ || frames.empty()) return;
    item = message_of_frames(frames, capacity);
    if (!compress) item.no_compress();
  }

 private:
  [[nodiscard]] std::uint64_t up_to(std::uint64_t most) noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      auto const byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80 && value <= most) return value;
      if (byte < 0x80) break;
    }
    fail();
    return 0;
  }
  void fail() noexcept { good_ = false, rest_ = {}; }

  std::string_view rest_;
  bool good_ = true;
};

/// Every option that a session reads. New ones go to the end: older recordings end before them.
template <class Config, class Fields>
void each_option(Config& options, Fields&& field) {
  field(options.ping_interval), field(options.ping_timeout), field(options.upgrade_timeout);
  field(options.max_http_buffer_size), field(options.outbox_bytes_max);
  field(options.allow_upgrades), field(options.transports.websocket);
  field(options.initial_packet);
  field(options.outbox_messages_max), field(options.payload_packets_max);
  field(options.packet_rate), field(options.byte_rate);
}

template <class Start, class Fields>
void each_field_of_start(Start& start, Fields&& field) {
  field(start.id), field(start.first, transport::websocket);
  field(start.base64_only), field(start.revision, std::uint8_t{4});
}

/// The members that count for this kind, but the time.
template <class Input, class Fields>
void each_field_of_input(Input& in, Fields&& field) {
  using kind = session_input::kind;
  switch (in.type) {
    case kind::wire_opened:
    case kind::poll_opened:
    case kind::post_too_large:
    case kind::exchange_aborted: return field(in.name);
    case kind::receive: return field(in.name), field(in.data.kind, frame_kind::binary), field(in.data.data);
    case kind::wire_lost:
      field(in.name), field(in.why.code, errc::ws_bad_handshake);
      return field(in.why.blame, side::remote), field(in.why.offset);
    case kind::post_opened: return field(in.name), field(in.flag);
    case kind::post_received: return field(in.name), field(in.data.data);  // in place of `body`
    case kind::set_jsonp: return field(in.data.data);
    case kind::advance: return;
    case kind::send: return field(in.item);
    case kind::close: return field(in.flag);
    case kind::break_off: return;
  }
}

template <class Entry, class Fields>
void each_field(Entry& entry, Fields&& field) {
  using kind = recorded::kind;
  switch (entry.type) {
    case kind::options: return each_option(entry.options, field);
    case kind::start: return each_field_of_start(entry.begin, field);
    case kind::event:
    case kind::response: return field(entry.digest);
    case kind::transmit: return field(entry.input.name), field(entry.digest);
    case kind::input: return each_field_of_input(entry.input, field);
  }
}

}  // namespace impl

/// A short checksum of what a session gave out. `content`: of the bytes too, not only of their kinds and
/// lengths, which is what a mask leaves.
class output_digest {
 public:
  explicit output_digest(bool content) noexcept : content_(content) {}

  [[nodiscard]] std::uint32_t of(std::optional<session_event> const& out) noexcept {
    add(out ? 1 + static_cast<std::uint64_t>(out->type) : 0);
    if (!out) return sum_;
    add(static_cast<std::uint64_t>(out->reason)), add(static_cast<std::uint64_t>(out->detail.code));
    add(static_cast<std::uint64_t>(out->detail.blame)), add(out->detail.offset);
    add(out->data);
    return sum_;
  }
  [[nodiscard]] std::uint32_t of(transmit const& out) noexcept {
    add(out.shut ? 1 : 0), add(out.data.compress() ? 1 : 0);
    for (auto packets = out.data.packets(); !packets.done();) add(packets.next());
    return sum_;
  }
  [[nodiscard]] std::uint32_t of(response const& out) noexcept {
    add(out.to.value), add(out.status), add(out.packets);
    add(out.compress ? 1 : 0), add(out.destroy ? 1 : 0), add(out.close ? 1 : 0);
    add(std::uint64_t{out.content_type.size()}), add({frame_kind::text, out.body});
    return sum_;
  }

 private:
  void add_byte(std::uint64_t byte) noexcept { sum_ = (sum_ ^ static_cast<std::uint8_t>(byte)) * 16777619u; }
  void add(std::uint64_t value) noexcept {
    for (int i = 0; i < 8; ++i) add_byte(value >> (8 * i));
  }
  void add(frame const& data) noexcept {
    add(static_cast<std::uint64_t>(data.kind)), add(std::uint64_t{data.data.size()});
    if (!content_) return;
    for (char const each : data.data) add_byte(static_cast<unsigned char>(each));
  }

  std::uint32_t sum_ = 2166136261u;  // FNV-1a
  bool content_;
};

/// Hands out the entries of a recording, which it borrows.
class recording_reader {
 public:
  /// Error, local: bad_recording when this is none.
  [[nodiscard]] static result<recording_reader> open(std::string_view file) {
    using impl::recording_head;
    std::string_view const line = file.substr(0, file.substr(0, 64).find('\n'));
    for (auto const mask : {recording_mask::none, recording_mask::secrets, recording_mask::everything}) {
      if (line.size() == file.size() || !line.starts_with(recording_head)) break;
      if (line.substr(recording_head.size()) == to_string(mask)) {
        return recording_reader(file, line.size() + 1, mask);
      }
    }
    return local_error(errc::bad_recording);
  }

  [[nodiscard]] recording_mask mask() const noexcept { return mask_; }
  /// Where the next entry begins, in bytes.
  [[nodiscard]] std::size_t offset() const noexcept { return at_; }
  /// Whether the file ends within an entry, as that of a process that was killed may. Known at the end.
  [[nodiscard]] bool cut() const noexcept { return cut_; }

  /// The next entry; its views are of the file. Nullopt at the end. Error, local: bad_recording, with the
  /// offset of the entry that is none; what follows is not read.
  [[nodiscard]] result<std::optional<recorded>> next() {
    std::string_view const rest = file_.substr(at_);
    if (rest.empty()) return std::nullopt;
    impl::field_reader length(rest);
    std::uint64_t size = 0;
    length(size);
    cut_ = !length.good() ? rest.size() < 10 : size > length.rest().size();
    std::size_t const begin = std::exchange(at_, file_.size());
    if (cut_) return std::nullopt;
    std::string_view const body = length.rest().substr(0, static_cast<std::size_t>(size));
    recorded out;
    if (!length.good() || !read(body, out)) return local_error(errc::bad_recording, begin);
    at_ = begin + (rest.size() - length.rest().size()) + body.size();
    return out;
  }

 private:
  recording_reader(std::string_view file, std::size_t at, recording_mask mask) noexcept
      : file_(file), at_(at), mask_(mask) {}

  [[nodiscard]] bool read(std::string_view body, recorded& out) {
    impl::field_reader field(body);
    std::uint64_t kind = 0, folded = 0;
    field(kind), field(out.slot), field(folded);
    constexpr auto first_input = static_cast<std::uint64_t>(recorded::kind::input);
    if (kind > first_input + static_cast<std::uint64_t>(session_input::kind::break_off)) return false;
    out.type = static_cast<recorded::kind>(std::min(kind, first_input));
    if (kind > first_input) out.input.type = static_cast<session_input::kind>(kind - first_input);
    // Unsigned, so that nothing overflows on the way to being refused.
    time_ += folded >> 1 ^ (~(folded & 1) + 1);
    if (time_ + impl::recording_span_max > 2 * impl::recording_span_max) return false;
    out.at = duration(static_cast<std::int64_t>(time_));
    if (out.type == recorded::kind::options) {  // those that are not given have their defaults
      impl::each_option(out.options, [&](auto& value) {
        if (!field.done()) field(value);
      });
    } else {
      impl::each_field(out, field);
    }
    return field.good() && field.done() && (out.begin.revision == 3 || out.begin.revision == 4);
  }

  std::string_view file_;
  std::size_t at_;
  std::uint64_t time_ = 0;
  recording_mask mask_;
  bool cut_ = false;
};

}  // namespace siokit::inline v0::engineio
