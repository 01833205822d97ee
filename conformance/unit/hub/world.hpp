// A whole server without I/O: engine, hub and scripted clients in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "siokit/siokit.hpp"

namespace hub_test {

using namespace siokit;
using namespace std::chrono_literals;

/// One server, and any number of clients that speak WebSocket frames.
class world {
 public:
  explicit world(hub::server_config config = {}, engineio::server_config engine = {})
      : engine_(std::move(engine)),
        random_(config.shard * 85U),
        io(engine_, std::move(config), [this](std::span<std::uint8_t, 12> out) {
          for (auto& byte : out) byte = static_cast<std::uint8_t>(++random_);
        }) {}

  /// Opens a WebSocket session; the client has joined nothing yet. Returns its number.
  int open(std::string_view query = "") {
    int const client = ++clients_;
    auto const number = static_cast<std::uint64_t>(client);
    std::string const target = "/engine.io/?EIO=4&transport=websocket" + std::string(query);
    header const headers[] = {{"User-Agent", "test"}, {"X-Token", "abc"}};
    engine_.request(exchange{number}, {"GET", target, headers, "10.0.0.1", false, true}, now);
    pump();
    return client;
  }
  /// Opens a session and joins a namespace.
  int connect(std::string_view nsp = "/", std::string_view auth = "") {
    int const client = open();
    join(client, nsp, auth);
    return client;
  }
  void join(int client, std::string_view nsp = "/", std::string_view auth = "") {
    std::string packet = "40";
    if (nsp != "/") packet += std::string(nsp) + ",";
    say(client, packet + std::string(auth));
  }
  void say(int client, std::string_view packet) { frame_from(client, {frame_kind::text, packet}); }
  void say_binary(int client, std::string_view bytes) { frame_from(client, {frame_kind::binary, bytes}); }
  void leave(int client) {
    engine_.wire_lost(sessions_[client], wire_of(client));
    pump();
  }
  void pass(duration span) {
    time_point const end = now + span;
    while (next() <= end) {
      now = std::max(now, next());
      engine_.advance(now);
      io.advance(now);
      pump();
    }
    now = end;
  }

  /// What the client received since the last call, packets joined by spaces; ids of sockets are shown as #.
  std::string heard(int client) {
    pump();
    return std::exchange(heard_[client], {});
  }
  /// The frames themselves, pings excepted; a closed WebSocket is the text "shut".
  std::vector<std::pair<frame_kind, std::string>> heard_frames(int client) {
    pump();
    heard_[client].clear();
    return std::exchange(frames_[client], {});
  }
  /// Connects and forgets the welcome.
  int guest(std::string_view nsp = "/") {
    int const client = connect(nsp);
    static_cast<void>(heard(client));
    return client;
  }
  [[nodiscard]] std::string id(int client) const {
    auto const found = ids_.find(client);
    return found == ids_.end() ? "" : found->second;
  }

  /// Takes what is to be sent to a client, as messages.
  template <class Visit>
  void each_message(int client, Visit&& visit) {
    wire const to = wire_of(client);
    while (auto const out = engine_.poll_transmit(sessions_[client], to)) visit(out->data);
  }
  void pump() {
    io.drain(now);
    while (auto out = engine_.poll_response()) {
      if (!out->accept_wire) continue;
      int const client = static_cast<int>(out->answer.to.value);
      sessions_[client] = out->session;
      static_cast<void>(engine_.wire_opened(out->session, wire_of(client), now));
      io.drain(now);
    }
    while (auto const ready = engine_.poll_ready()) {
      auto const* session = engine_.find(*ready);
      wire const to = session->main_wire();
      while (auto const out = engine_.poll_transmit(*ready, to)) hear(static_cast<int>(to.value), *out);
    }
  }

 private:
  engineio::server engine_;
  std::uint32_t random_;

 public:
  hub::server io;
  time_point now{1h};

 private:
  [[nodiscard]] static wire wire_of(int client) { return {static_cast<std::uint64_t>(client)}; }
  [[nodiscard]] time_point next() const { return earliest(engine_.next_deadline(), io.next_deadline()); }

  void frame_from(int client, frame const& in) {
    std::string copy(in.data);  // the bytes die with the call, as a host's buffer does
    static_cast<void>(engine_.receive(sessions_[client], wire_of(client), {in.kind, copy}, now));
    {
      struct overwriter {  // also when a handler throws
        std::string& bytes;
        ~overwriter() { std::fill(bytes.begin(), bytes.end(), '!'); }
      } const after{copy};
      io.drain(now);
    }
    pump();
  }
  void hear(int client, engineio::transmit const& out) {
    std::string& text = heard_[client];
    for (auto packets = out.data.packets(); !packets.done();) {
      auto const packet = packets.next();
      std::string shown(packet.data);
      if (packet.kind == frame_kind::text && (shown[0] == '0' || shown[0] == '2')) continue;
      if (packet.kind == frame_kind::binary) shown = "<" + shown + ">";
      if (auto const at = shown.find("{\"sid\":\""); at != std::string::npos) {
        ids_[client] = shown.substr(at + 8, 20);
        shown.replace(at + 8, 20, "#");
      }
      frames_[client].emplace_back(packet.kind,
                                   packet.kind == frame_kind::text ? shown : std::string(packet.data));
      text += (text.empty() ? "" : " ") + shown;
    }
    if (!out.shut) return;
    text += text.empty() ? "shut" : " shut";
    frames_[client].emplace_back(frame_kind::text, "shut");
  }

  int clients_ = 0;
  std::map<int, handle> sessions_;
  std::map<int, std::string> heard_;
  std::map<int, std::vector<std::pair<frame_kind, std::string>>> frames_;
  std::map<int, std::string> ids_;
};

}  // namespace hub_test
