// The contract `app`: an application with every kind of event.   SPDX-License-Identifier: MIT
#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "siokit/json/nlohmann.hpp"
#include "testbed.hpp"

using namespace std::chrono_literals;

namespace testbed {

using nlohmann::json;
using siokit::ack;
using siokit::args;
using siokit::bytes_view;
using siokit::raw_json;
using siokit::socket;

namespace {

constexpr std::int64_t longest_wait = 60'000;    // ms
constexpr std::size_t most_bytes = 16'000'000;   // of give-binary
constexpr std::uint32_t longest_burst = 10'000;  // events

std::chrono::milliseconds wait_of(std::int64_t ms) {
  return std::chrono::milliseconds(std::clamp<std::int64_t>(ms, 0, longest_wait));
}

/// What set-data keeps: any JSON value.
struct kept_value {
  std::string value;
};

json whoami(socket& s) {
  std::vector<std::string> rooms;
  for (auto const room : s.rooms()) {
    if (room != s.id()) rooms.emplace_back(room);
  }
  std::sort(rooms.begin(), rooms.end());
  auto const& data = s.data<kept_value>().value;
  return {{"id", s.id()},
          {"nsp", s.nsp().name()},
          {"transport", to_string(s.transport())},
          {"eio", s.handshake().query("EIO") == "4" ? 4 : 3},
          {"recovered", s.recovered()},
          {"rooms", rooms},
          {"data", data.empty() ? json::object() : json{{"value", json::parse(data, nullptr, false)}}}};
}

void install_echo_events(siokit::nsp& space) {
  space.on("echo", [](socket& s, args all, ack reply) {
    reply.wanted() ? void(reply(all)) : void(s.emit("echo", all));
  });
  space.on("reverse", [](socket& s, args all, ack reply) {
    auto const answer = [&](auto const& value) {
      reply.wanted() ? void(reply(value)) : void(s.emit("reverse", value));
    };
    auto const data = all.get<bytes_view>(0);
    if (!data) return answer("not-binary");
    std::vector<std::byte> const reversed(data->rbegin(), data->rend());
    answer(bytes_view(reversed));
  });
  space.on("give-binary", [](socket& s, std::size_t size) {
    std::vector<std::byte> bytes(std::min(size, most_bytes));
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
    bytes_view const parts[] = {bytes, bytes_view(bytes).first(std::min<std::size_t>(4, bytes.size()))};
    args const nested(
        R"([{"_placeholder":true,"num":0},{"nested":[{"_placeholder":true,"num":1}],"tail":"end"}])", 2,
        parts);
    s.emit("binary", nested);
  });
  space.on("volatile-burst", [](socket& s, std::uint32_t count) {
    for (std::uint32_t i = 0; i < std::min(count, longest_burst); ++i) s.volatile_().emit("volatile", i);
    s.emit("volatile-end");
  });
}

void install_asking_events(siokit::nsp& space) {
  space.on("ask-me", [](socket& s, args all) {
    s.emit("question", all, [ref = s.ref()](args answer) { ref.emit("answered", answer); });
  });
  space.on("ask-timeout", [](socket& s, std::int64_t ms) {
    s.timeout(wait_of(ms)).emit("question-timeout", [ref = s.ref()](std::error_code failure) {
      ref.emit("asked", failure ? "timeout" : "answered");
    });
  });
  space.on("ask-all", [](socket& s, std::int64_t ms, ack reply) {
    s.nsp()
        .timeout(wait_of(ms))
        .emit("poll",
              [reply = std::move(reply)](std::error_code failure, siokit::responses const& all) mutable {
                json answers = json::array();
                for (std::size_t i = 0; i < all.size(); ++i) {
                  answers.push_back(all[i].get<json>(0).value_or(json()));
                }
                reply(static_cast<bool>(failure), answers);
              });
  });
  space.on("whoami", [](socket& s, ack reply) { reply(raw_json{whoami(s).dump()}); });
  space.on("set-data", [](socket& s, args all, ack reply) {
    auto const value = all.raw(0);
    s.data<kept_value>().value = value ? std::string(*value) : "null";
    reply();
  });
}

void install_room_events(siokit::nsp& space) {
  space.on("join", [](socket& s, std::string_view room, ack reply) {
    s.join(room);
    reply();
  });
  space.on("leave", [](socket& s, std::string_view room, ack reply) {
    s.leave(room);
    reply();
  });
  space.on("members", [](socket& s, std::string_view room, ack reply) {
    auto ids = s.nsp().members(room);
    std::sort(ids.begin(), ids.end());
    reply(ids);
  });
  space.on("say-all", [](socket& s, args all) { s.nsp().emit("said", all); });
  space.on("say-others", [](socket& s, args all) { s.broadcast().emit("said", all); });
  space.on("say-room", [](socket& s, std::string_view room, args rest) { s.to(room).emit("said", rest); });
  space.on("say-except",
           [](socket& s, std::string_view room, args rest) { s.nsp().except(room).emit("said", rest); });
  space.on("say-in", [](socket& s, args all) {
    auto rooms = all.get<std::vector<std::string>>(0);
    if (auto const one = all.get<std::string>(0)) rooms = std::vector{*one};
    if (rooms && !rooms->empty()) s.nsp().in(*rooms).emit("said", all.slice(1));
  });
}

void install_leaving_events(siokit::nsp& space) {
  space.on("kick", [](socket& s) { s.disconnect(); });
  space.on("kick-all", [](socket& s) { s.disconnect(true); });
  space.on("drop", [](socket& s) { s.close_connection(); });
}

/// Those of every namespace. `noack` is one that nobody listens to.
void install_events(siokit::nsp& space) {
  install_echo_events(space);
  install_asking_events(space);
  install_room_events(space);
  install_leaving_events(space);
}

void greet(socket& s) {
  s.emit("hello", s.nsp().name());
}

void require_token(socket& s, siokit::next go_on) {
  auto const token = s.handshake().auth<std::optional<std::string>>("token");
  if (token && *token == "secret") return go_on();
  json const given = token && *token ? json(**token) : json();
  go_on.refuse("not authorized", siokit::raw_json{json{{"code", 401}, {"token", given}}.dump()});
}

void guard(socket& s) {
  s.use([](socket&, std::string_view event, args const&, siokit::packet_next go_on) {
    event == "forbidden" ? go_on.fail("forbidden event") : go_on();
  });
  s.on_error([](socket& from, std::string_view why) { from.emit("guard-error", why); });
}

}  // namespace

bool apply_app_profile(settings& s) {
  s.connection_state_recovery = s.profile.starts_with("csr");
  if (s.profile == "csr-mw") s.skip_middlewares = false;
  if (s.profile == "csr-short") s.max_disconnection_duration = 300ms;
  return s.profile.empty() || s.profile == "csr" || s.profile == "csr-mw" || s.profile == "csr-short";
}

void install_app(siokit::server& io) {
  io.allow_request([](siokit::engineio::request_head const& head, siokit::admission decision) {
    head.query().find("deny") ? decision.refuse() : decision.accept();
  });
  auto& numbered = io.of([pattern = std::regex("/dynamic-[0-9]+")](std::string_view name) {
    return std::regex_match(name.begin(), name.end(), pattern);
  });
  for (auto* const space : {&io.of("/"), &io.of("/chat"), &io.of("/auth"), &io.of("/guard"), &numbered}) {
    install_events(*space);
  }
  io.of("/chat").on_connection(greet);
  numbered.on_connection(greet);
  io.of("/auth").use(require_token);
  io.of("/auth").on_connection([](socket& s) { s.emit("authenticated", raw_json{s.handshake().auth()}); });
  io.of("/deny").use([](socket&, siokit::next go_on) { go_on.refuse("denied"); });
  io.of("/guard").on_connection(guard);
  io.of("/slow").use([&io](socket&, siokit::next go_on) {
    io.after(200ms, [go_on = std::make_shared<siokit::next>(std::move(go_on))] { (*go_on)(); });
  });
}

}  // namespace testbed
