// A client and an Engine.IO server, linked in memory: every action, frame and answer at once,
// in virtual time.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "siokit/engineio/client_event.hpp"
#include "siokit/engineio/server.hpp"

namespace conformance {

/// `Client`: engineio::client_session, or what has the same inputs and outputs for its host.
template <class Client>
class link {
 public:
  siokit::time_point now{};
  /// Pulls the events of either side; called after every input to it.
  std::function<void()> drain_client = [] {};
  std::function<void()> drain_server = [] {};
  /// Time passed for what stands on the server.
  std::function<void()> advance_server = [] {};
  std::function<siokit::time_point()> server_deadline = [] { return siokit::never; };
  /// Sees each action first; true: it has dealt with it.
  std::function<bool(siokit::engineio::client_action const&)> intercept = [](auto const&) { return false; };
  /// Every request and WebSocket asked for, without path and timestamp: "GET polling", "POST polling body",
  /// "WS websocket sid".
  std::string log;
  /// While false, nothing reaches the other side; it does not get lost.
  bool up = true;

  link(Client& client, siokit::engineio::server& server) : client_(client), server_(server) {}

  /// Until nothing is left to do. Bounded: a busy loop is a bug.
  void pump() {
    for (int i = 0; i < 100'000; ++i) {
      drain_client();
      drain_server();
      if (!up || !(step_client() || step_server())) return;
    }
    log += "[busy]";
  }
  void pass(siokit::duration span) {
    auto const end = now + span;
    pump();
    while (next() <= end) {
      now = std::max(now, next());
      client_.advance(now);
      server_.advance(now);
      advance_server();
      pump();
    }
    now = end;
  }
  [[nodiscard]] siokit::time_point next() const {
    return earliest(client_.next_deadline(), earliest(server_.next_deadline(), server_deadline()));
  }

  /// Cuts every connection, as a network does.
  void cut(siokit::error why = {siokit::errc::websocket_error, siokit::side::remote, 0}) {
    for (auto const& [wire, session] : std::exchange(wires_, {})) {
      server_.wire_lost(session, {wire});
      client_.wire_lost({wire}, why);
    }
    for (auto const& [request, session] : std::exchange(requests_, {})) {
      server_.exchange_aborted(session, {request});
      client_.request_failed({request}, {});
    }
    pump();
  }
  /// What the host tells the client.
  void answer(siokit::exchange request, std::uint16_t status, std::string body) {
    requests_.erase(request.value);
    static_cast<void>(client_.response_received(request, status, body, now));
    drain_client();
  }
  [[nodiscard]] std::size_t requests() const { return requests_.size(); }
  [[nodiscard]] std::size_t wires() const { return wires_.size(); }

 private:
  bool step_client() {
    for (auto const& [value, session] : wires_) {
      siokit::wire const which{value};
      auto const item = client_.poll_transmit(which);
      if (!item) continue;
      siokit::handle const to = session;
      for (auto packets = item->packets(); !packets.done();) {
        static_cast<void>(server_.receive(to, which, packets.next(), now));
        drain_server();
      }
      return true;
    }
    auto action = client_.poll_action();
    if (!action) return false;
    note(*action);
    if (!intercept(*action)) carry_out(*action);
    return true;
  }
  void carry_out(siokit::engineio::client_action& action) {
    using kind = siokit::engineio::client_action::kind;
    switch (action.type) {
      case kind::open_wire: ask({action.on.value}, "GET", action, true); break;
      case kind::shut_wire:
        if (auto const lost = wires_.find(action.on.value); lost != wires_.end()) {
          server_.wire_lost(lost->second, action.on);
          wires_.erase(lost);
        }
        break;
      case kind::leave: break;  // the answer comes soon
      case kind::get: ask(action.request, "GET", action, false); break;
      case kind::post: ask(action.request, "POST", action, false); break;
      case kind::abort:
        if (auto const lost = requests_.find(action.request.value); lost != requests_.end()) {
          server_.exchange_aborted(lost->second, action.request);
          requests_.erase(lost);
        }
        break;
    }
  }
  void ask(siokit::exchange which, std::string_view method, siokit::engineio::client_action& action,
           bool websocket) {
    auto const to = server_.request(which, {method, action.target, {}, "10.0.0.1", false, websocket}, now);
    requests_[which.value] = to.session;
    if (to.next == siokit::engineio::routed::kind::post) {
      server_.post_received(to.session, which, action.body, now);
      drain_server();
    }
  }
  bool step_server() {
    if (auto const out = server_.poll_response()) {
      auto const which = out->answer.to;
      bool const awaited = requests_.erase(which.value) != 0;
      if (out->accept_wire) {
        siokit::wire const on{which.value};
        if (!awaited || !server_.wire_opened(out->session, on, now)) {
          client_.wire_lost(on);
        } else {
          wires_[on.value] = out->session;
          client_.wire_opened(on, now);
        }
      } else if (awaited && out->refused_wire) {
        client_.wire_lost({which.value}, {siokit::errc::websocket_error, siokit::side::remote, 0});
      } else if (awaited && out->answer.destroy) {
        client_.request_failed(which);
      } else if (awaited) {
        answer(which, out->answer.status, out->answer.body);
      }
      return true;
    }
    auto const ready = server_.poll_ready();
    if (!ready) return false;
    auto const* session = server_.find(*ready);
    for (siokit::wire const which : {session->main_wire(), session->probe_wire()}) {
      while (auto const item = server_.poll_transmit(*ready, which)) {
        if (item->shut) {
          wires_.erase(which.value);
          client_.wire_lost(which);
          break;
        }
        for (auto packets = item->data.packets(); !packets.done();) {
          static_cast<void>(client_.receive(which, packets.next(), now));
          drain_client();
        }
      }
      if (server_.find(*ready) == nullptr) break;
    }
    return true;
  }
  void note(siokit::engineio::client_action const& action) {
    using kind = siokit::engineio::client_action::kind;
    std::string_view const target = action.target;
    std::string const sid = target.find("&sid=") == target.npos ? "" : " sid";
    switch (action.type) {
      case kind::open_wire: log += "[WS" + sid + "]"; break;
      case kind::shut_wire: log += "[shut]"; break;
      case kind::get: log += "[GET" + sid + "]"; break;
      case kind::post: log += "[POST" + sid + " " + action.body + "]"; break;
      case kind::leave: break;
      case kind::abort: log += "[abort]"; break;
    }
  }

  Client& client_;
  siokit::engineio::server& server_;
  std::map<std::uint64_t, siokit::handle> wires_, requests_;
};

}  // namespace conformance
