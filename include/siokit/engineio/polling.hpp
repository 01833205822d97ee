// siokit/engineio/polling.hpp - who holds the GET, who holds the POST, and what they are answered.
// SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, "HTTP long-polling"; statuses and bodies are those of docs/protocol.md.
// Bookkeeping of one session: at most one request of each kind is pending; answers are kept until the host
// pulls them.
#pragma once

#include <array>

#include "siokit/core/ids.hpp"
#include "siokit/engineio/payload.hpp"

namespace siokit::inline v0::engineio {

/// The answer to one exchange.
struct response {
  exchange to;
  std::uint16_t status = 200;
  std::string_view content_type{};  ///< a literal
  std::string body{};
  std::size_t packets = 0;  ///< how many of the session's packets are in it
  bool compress = false;    ///< some message in it may be compressed
  bool destroy = false;     ///< cut the TCP connection instead of answering
  bool close = false;       ///< answer, then close the TCP connection
};

/// What an exchange is told, beside the packets that are queued.
enum class answer : std::uint8_t {
  ok,           ///< 200 ok: the POST was read
  bad_request,  ///< 400: an overlapping request, or content that revision 4 does not know
  too_large,    ///< 413
  destroy,      ///< the connection is cut
  noop,         ///< a NOOP packet: poll again
  close,        ///< what is queued and a CLOSE packet
  noop_close,   ///< the same with a NOOP packet before it, as upstream ends a session that was waiting for a
                ///< poll
};

struct pending_answer {
  exchange to;
  answer what;
};

/// The exchanges of one session.
class exchanges {
 public:
  exchange poll;                                ///< the pending GET
  exchange post;                                ///< the POST whose body is awaited or read
  payload_reader body;                          ///< of `post`
  payload_form form = payload_form::separated;  ///< of `body`
  bool post_read = false;                       ///< packets of `body` are still to be handled
  std::size_t packets_read = 0;                 ///< of `body`

  void answer_with(exchange to, answer what) {
    // At most a refused request, the poll, and the POST can await their answers between two pulls of the
    // host.
    SIOKIT_ASSERT(answer_count_ < answers_.size());
    if (answer_count_ < answers_.size()) answers_[answer_count_++] = {to, what};
  }
  /// Answers the pending GET, if there is one, with something else than just what is queued.
  void answer_poll(answer what) {
    if (poll) answer_with(std::exchange(poll, {}), what);
  }

  [[nodiscard]] bool has_answer() const noexcept { return answer_count_ > 0; }
  /// Requests that are still to be answered.
  [[nodiscard]] std::size_t pending() const noexcept {
    return answer_count_ + std::size_t{poll ? 1u : 0u} + std::size_t{post ? 1u : 0u};
  }
  /// The oldest answer. Precondition: has_answer().
  [[nodiscard]] pending_answer first_answer() const noexcept { return answers_[0]; }
  /// The same.
  void drop_answer() noexcept {
    for (std::size_t i = 1; i < answer_count_; ++i) answers_[i - 1] = answers_[i];
    --answer_count_;
  }

 private:
  std::array<pending_answer, 4> answers_{};
  std::uint8_t answer_count_ = 0;
};

/// A polling body, as the answer to a GET.
[[nodiscard]] inline response payload_response(exchange to, std::string body, payload_form form,
                                               bool compress = false) {
  bool const binary = form == payload_form::binary;
  return {to, 200,     binary ? "application/octet-stream" : "text/plain; charset=UTF-8", std::move(body),
          0,  compress};
}

/// The answers that need nothing from the queue. `form`: of a payload of text.
[[nodiscard]] inline response fixed_response(pending_answer const& given, payload_form form) {
  auto const packet = [&](std::string_view text) {
    std::string body;
    append_packet(body, {frame_kind::text, text}, form);
    return payload_response(given.to, std::move(body), form);
  };
  switch (given.what) {
    case answer::ok: return {given.to, 200, "text/html", "ok"};
    case answer::too_large: return {.to = given.to, .status = 413, .close = true};
    case answer::destroy: return {.to = given.to, .destroy = true};
    case answer::noop: return packet("6");
    case answer::close: return packet("1");
    case answer::bad_request:
    case answer::noop_close: break;
  }
  return {given.to, 400};
}

}  // namespace siokit::inline v0::engineio
