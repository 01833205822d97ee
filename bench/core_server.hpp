// A whole server without I/O, and clients that have joined "/": what benchmarks of the pure core stand on.
// SPDX-License-Identifier: MIT
#pragma once

#include "siokit/siokit.hpp"

namespace bench {

class core_server {
 public:
  explicit core_server(std::uint32_t sessions, siokit::engineio::server_config config = {})
      : engine(std::move(config)), io(engine, {}, [this](std::span<std::uint8_t, 12> out) {
          ++random_;
          for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<std::uint8_t>(random_ >> (i % 4 * 8));
        }) {
    sessions_.reserve(sessions);
    while (sessions_.size() < sessions) join();
  }

  /// A client sends a packet; what is to be sent to all is taken, as a host does.
  void say(std::uint32_t client, std::string_view packet) {
    static_cast<void>(
        engine.receive(sessions_[client], wire_of(client), {siokit::frame_kind::text, packet}, now));
    transmit();
  }
  /// Takes what is to be sent; returns how many bytes.
  std::size_t transmit() {
    std::size_t bytes = 0;
    io.drain(now);
    while (auto const ready = engine.poll_ready()) {
      siokit::wire const to = engine.find(*ready)->main_wire();
      while (auto const out = engine.poll_transmit(*ready, to)) bytes += out->data.frames().size();
    }
    return bytes;
  }

  siokit::engineio::server engine;
  siokit::hub::server io;
  siokit::time_point now{};

 private:
  static siokit::wire wire_of(std::size_t client) { return {client + 1}; }

  void join() {
    siokit::wire const wire = wire_of(sessions_.size());
    auto const address = static_cast<std::uint32_t>(sessions_.size() / 5'000);  // there is a quota for each
    std::string const from = "10.0." + std::to_string(address / 256) + "." + std::to_string(address % 256);
    engine.request(siokit::exchange{wire.value},
                   {"GET", "/engine.io/?EIO=4&transport=websocket", {}, from, false, true}, now);
    io.drain(now);
    auto const accepted = engine.poll_response();
    sessions_.push_back(accepted->session);
    static_cast<void>(engine.wire_opened(accepted->session, wire, now));
    say(static_cast<std::uint32_t>(sessions_.size() - 1), "40");
  }

  std::uint32_t random_ = 0;
  std::vector<siokit::handle> sessions_;
};

}  // namespace bench
