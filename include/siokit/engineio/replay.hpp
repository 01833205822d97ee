// siokit/engineio/replay.hpp - does again what a recording says.   SPDX-License-Identifier: MIT
// In: the bytes of a recording, any bytes.  Out: step by step what was done, what the sessions give out now,
// and whether that is what they gave out then. Owns the sessions.
#pragma once

#include <unordered_map>

#include "siokit/engineio/recording.hpp"

namespace siokit::inline v0::engineio {

/// One entry, and what came of it. Views live until the next step.
struct replayed {
  recorded entry{};
  std::uint64_t session = 0;  ///< sessions are numbered from 1, as they begin; 0: the options
  /// The session, as it is now; null with the options.
  server_session const* state = nullptr;
  result<void> outcome{};  ///< of an input
  std::optional<session_event> event{};
  std::optional<transmit> transmitted{};
  std::optional<response> answer{};
  std::size_t offset = 0;  ///< of the entry in the file
  bool differs = false;    ///< what was pulled is not what was pulled then
};

class replay {
 public:
  /// `file` outlives it. Error, local: bad_recording.
  [[nodiscard]] static result<replay> open(std::string_view file) {
    return recording_reader::open(file).map([](recording_reader const& in) { return replay(in); });
  }

  [[nodiscard]] recording_reader const& file() const noexcept { return file_; }
  [[nodiscard]] server_config const& options() const noexcept { return *options_; }
  [[nodiscard]] std::uint64_t sessions() const noexcept { return sessions_; }

  /// Goes on by one entry; nullopt at the end. Error, local: bad_recording, also for what no host does:
  /// to speak of sessions that have not begun, or to let answers pile up.
  [[nodiscard]] result<std::optional<replayed>> next() {
    std::size_t const offset = file_.offset();
    auto read = file_.next();
    if (!read) return tl::unexpected(read.error());
    if (!*read) return std::nullopt;
    replayed out{.entry = std::move(**read), .offset = offset};
    if (!step(out)) return local_error(errc::bad_recording, offset);
    return out;
  }

 private:
  struct held {
    server_session session;
    std::uint64_t number;
    std::vector<char> body;  // of the POST that is being read
  };

  explicit replay(recording_reader const& in) : file_(in) {}

  [[nodiscard]] bool step(replayed& out) {
    recorded& in = out.entry;
    time_point const now(later(time_point(duration(impl::recording_span_max)), in.at));
    if (in.type == recorded::kind::options) {
      // Sessions refer to their options.
      if (sessions_ > 0) return false;
      *options_ = in.options;
      return true;
    }
    if (in.type == recorded::kind::start) {
      session_start const& start = in.begin;
      slots_.erase(in.slot);
      slots_.emplace(in.slot, held{server_session(*options_, start.id, start.first, now, start.base64_only,
                                                  start.revision),
                                   ++sessions_,
                                   {}});
    }
    auto const known = slots_.find(in.slot);
    if (known == slots_.end()) return false;
    held& to = known->second;
    out.session = to.number;
    out.state = &to.session;
    output_digest digest(file_.mask() == recording_mask::none);
    std::uint32_t sum = in.digest;
    switch (in.type) {
      case recorded::kind::options:
      case recorded::kind::start: break;
      case recorded::kind::event: sum = digest.of(out.event = to.session.poll_event(now)); break;
      case recorded::kind::transmit:
        out.transmitted = to.session.poll_transmit({in.input.name});
        sum = out.transmitted ? digest.of(*out.transmitted) : ~sum;
        break;
      case recorded::kind::response:
        out.answer = to.session.poll_response();
        sum = out.answer ? digest.of(*out.answer) : ~sum;
        break;
      case recorded::kind::input: return feed(to, out, now);
    }
    out.differs = sum != in.digest;
    return true;
  }

  [[nodiscard]] static bool feed(held& to, replayed& out, time_point now) {
    using kind = session_input::kind;
    constexpr std::size_t pending_max = 4;  // what a session has room for
    session_input& in = out.entry.input;
    in.now = now;
    bool const request = in.type == kind::poll_opened || in.type == kind::post_opened;
    if (request && to.session.requests_pending() >= pending_max) return false;
    std::vector<char> body;
    if (in.type == kind::post_received) {
      body.assign(in.data.data.begin(), in.data.data.end());
      in.body = body;
    }
    out.outcome = apply(to.session, in);
    if (in.type == kind::post_received && out.outcome) to.body = std::move(body);
    return true;
  }

  recording_reader file_;
  std::unique_ptr<server_config> options_ = std::make_unique<server_config>();
  std::unordered_map<std::uint64_t, held> slots_;
  std::uint64_t sessions_ = 0;
};

}  // namespace siokit::inline v0::engineio
