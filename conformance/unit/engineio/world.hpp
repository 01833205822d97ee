// The peers, the host and the application of one engineio::server, in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <string>
#include <unordered_map>

#include "siokit/engineio/server.hpp"
#include "tape.hpp"

namespace engineio_test {

using namespace siokit;
using namespace siokit::engineio;
using namespace std::chrono_literals;

/// Host and application of one server: keeps what comes out as text, and lets time pass. What happened is
/// recorded, with another mask in each world, and has to be the same when it is replayed.
class world {
 public:
  explicit world(server_config config = {}, recording_mask mask = next_mask())
      : tape_(mask), server_(recorded_by(tape_, std::move(config))) {}
  world(world const&) = delete;
  world& operator=(world const&) = delete;
  ~world() { EXPECT_EQ(problem_of(tape_.bytes), "") << to_string(tape_.mask()); }

  // --- the peer ---
  exchange get(std::string_view query, std::string_view method = "GET") {
    exchange const id{++last_};
    std::string const target = "/engine.io/?" + std::string(query);
    auto const routed = server_.request(id, {method, target, headers_, address_}, now_);
    session_of_[id.value] = routed.session;
    awaiting_body_ = routed.next == routed::kind::post;
    pump();
    return id;
  }
  exchange post(std::string_view query, std::string body) {
    exchange const id = get(query, "POST");
    if (awaiting_body_) {
      server_.post_received(session_of_[id.value], id, body, now_);
      pump();
    }
    return id;
  }
  handle open_polling() {
    get("EIO=4&transport=polling");
    return opened_;
  }
  /// Asks for a WebSocket; the wire has the number of the exchange. Zero when it was refused.
  wire open_wire(std::string_view query) {
    exchange const id{++last_};
    std::string const target = "/engine.io/?" + std::string(query);
    server_.request(id, {"GET", target, headers_, address_, false, true}, now_);
    pump();
    if (!accepted_.contains(id.value)) return {};
    handle const session = accepted_[id.value];
    session_of_[id.value] = session;
    auto const outcome = server_.wire_opened(session, wire{id.value}, now_);
    pump();
    return outcome ? wire{id.value} : wire{};
  }
  void receive(wire from, std::string_view text, frame_kind kind = frame_kind::text) {
    EXPECT_TRUE(server_.receive(session_of_[from.value], from, {kind, text}, now_));
    pump();
  }
  void lose(wire from) {
    server_.wire_lost(session_of_[from.value], from);
    pump();
  }
  void abort(exchange from) {
    server_.exchange_aborted(session_of_[from.value], from);
    pump();
  }
  void pass(duration span) {
    time_point const end = now_ + span;
    while (server_.next_deadline() <= end) {
      now_ = std::max(now_, server_.next_deadline());
      server_.advance(now_);
      pump();
    }
    now_ = end;
  }

  [[nodiscard]] std::string_view content_type(exchange of) { return content_types_[of.value]; }
  /// The answer to an exchange as "status body", "destroyed", or "" while there is none.
  [[nodiscard]] std::string answer(exchange to) { return answers_[to.value]; }
  [[nodiscard]] std::string sent(wire to) { return std::exchange(sent_[to.value], {}); }
  [[nodiscard]] std::string events() { return std::exchange(events_, {}); }

  void pump() {
    while (auto const event = server_.poll_event(now_)) handle_event(*event);
    while (auto out = server_.poll_response()) {
      auto& text = answers_[out->answer.to.value];
      content_types_[out->answer.to.value] = out->answer.content_type;
      EXPECT_TRUE(text.empty()) << "two answers to one exchange: " << text;
      text = out->answer.destroy ? "destroyed" : std::to_string(out->answer.status) + " " + out->answer.body;
      if (out->accept_wire) accepted_[out->answer.to.value] = out->session;
    }
    while (auto const ready = server_.poll_ready()) {
      auto const* session = server_.find(*ready);
      for (wire const to : {session->main_wire(), session->probe_wire()}) {
        while (auto const out = server_.poll_transmit(*ready, to)) write(to, *out);
      }
    }
  }

  server_config const& config() { return server_.config(); }
  tape tape_;
  server server_;
  time_point now_{1h};
  handle opened_;
  bool echo_ = true;
  bool admit_ = true;
  result<void> admitted_;
  handle pending_;
  std::array<header, 1> headers_{{{"Host", "localhost"}}};
  std::string address_ = "127.0.0.1";

 private:
  [[nodiscard]] static recording_mask next_mask() {
    static int worlds = 0;
    return static_cast<recording_mask>(worlds++ % 3);
  }
  [[nodiscard]] static server_config recorded_by(recorder& by, server_config config) {
    config.recorder = &by;
    return config;
  }
  void handle_event(event const& in) {
    switch (in.type) {
      case event::kind::handshake_requested:
        pending_ = in.session;
        if (admit_) {
          admitted_ = server_.admit(in.session, sid("sid" + std::to_string(++sessions_)), now_);
        }
        break;
      case event::kind::opened:
        opened_ = in.session;
        events_ += "opened;";
        break;
      case event::kind::message:
        events_ += "message " + std::string(in.data.kind == frame_kind::text ? "" : "bin:") +
                   std::string(in.data.data) + ";";
        if (echo_)
          static_cast<void>(server_.send(in.session, encode_packet(packet_type::message, in.data.data)));
        break;
      case event::kind::upgraded: events_ += "upgraded;"; break;
      case event::kind::closed:
        events_ +=
            "closed " + std::string(to_string(in.reason)) +
            (in.detail.code == errc::ok ? "" : " (" + std::string(siokit::to_string(in.detail.code)) + ")") +
            ";";
        break;
    }
  }
  void write(wire to, transmit const& out) {
    std::string& text = sent_[to.value];
    for (auto packets = out.data.packets(); !packets.done();) {
      auto const packet = packets.next();
      text += std::string(packet.data) + ";";
    }
    if (out.shut) text += "shut;";
  }

  std::uint64_t last_ = 0;
  int sessions_ = 0;
  bool awaiting_body_ = false;
  std::unordered_map<std::uint64_t, handle> session_of_;
  std::unordered_map<std::uint64_t, handle> accepted_;
  std::unordered_map<std::uint64_t, std::string> answers_;
  std::unordered_map<std::uint64_t, std::string> content_types_;
  std::unordered_map<std::uint64_t, std::string> sent_;
  std::string events_;
};

}  // namespace engineio_test
