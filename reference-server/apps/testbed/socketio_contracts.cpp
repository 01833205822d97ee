// The Socket.IO contracts of the test-bed: load, protocol, client-suite.   SPDX-License-Identifier: MIT
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "siokit/engineio/query.hpp"
#include "testbed.hpp"

namespace testbed {

using nlohmann::json;
using siokit::ack;
using siokit::args;
using siokit::raw_json;
using siokit::socket;

void install_load(siokit::server& io) {
  io.on("message-with-ack", [](args all, ack reply) { reply(all); });
  io.on("message", [](socket& s, args all) { s.emit("message-back", all); });
  io.on("broadcast", [](socket& s, args all) { s.nsp().emit("broadcast", all); });
  io.on("join", [](socket& s, std::string_view room, ack reply) {
    s.join(room);
    reply();
  });
  io.on("room", [](socket& s, std::string_view room, args rest) { s.nsp().to(room).emit("room", rest); });
}

void install_protocol(siokit::server& io) {
  auto const send_auth = [](socket& s) { s.emit("auth", raw_json{s.handshake().auth()}); };
  io.on_connection(send_auth);
  io.of("/custom").on_connection(send_auth);
  io.on("message", [](socket& s, args all) { s.emit("message-back", all); });
  io.on("message-with-ack", [](args all, ack reply) { reply(all); });
}

namespace {

std::string iso_date(std::chrono::system_clock::time_point at) {
  auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  std::time_t const seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  std::size_t const size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string date(text, size);
  std::string const fraction = std::to_string(1000 + ms % 1000);
  return date + "." + fraction.substr(1) + "Z";
}

json handshake_json(siokit::handshake const& from) {
  json headers = json::object();
  for (std::size_t i = 0; auto field = from.header_at(i); ++i) {
    std::string name(field->name);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    headers[name] = std::string(field->value);
  }
  json query = json::object();
  for (auto pairs = from.query(); auto pair = pairs.next();) {
    query[siokit::engineio::percent_decode(pair->key)] = siokit::engineio::percent_decode(pair->value);
  }
  auto const issued = std::chrono::system_clock::time_point(std::chrono::milliseconds(from.issued()));
  return {{"headers", std::move(headers)},
          {"time", iso_date(issued)},
          {"address", from.address()},
          {"xdomain", from.xdomain()},
          {"secure", from.secure()},
          {"issued", from.issued()},
          {"url", from.url()},
          {"query", std::move(query)},
          {"auth", json::parse(from.auth(), nullptr, false)}};
}

/// {hello: "lol", message: <binary>, goodbye: "gotcha"}
bool is_json_with_binary(args const& in) {
  auto const text = in.raw(0);
  if (!text) return false;
  json const value = json::parse(*text, nullptr, false);
  if (!value.is_object()) return false;
  return value.value("hello", "") == "lol" && value.value("goodbye", "") == "gotcha" &&
         value.contains("message") && value["message"].is_object() &&
         value["message"].value("_placeholder", false);
}

bool is_binary(args const& in) {
  return in.get<siokit::bytes_view>(0).has_value();
}

/// What one socket of the suite has sent so far, where the order matters.
struct progress {
  bool binary_seen = false;
  int blobs = 0;
};

void install_text_events(siokit::server& io) {
  io.on("hi", [](socket& s) { s.emit("hi"); });
  io.on("echo", [](args all, ack reply) { reply(all); });
  io.on("ack", [](socket& s) {
    s.emit("ack", [ref = s.ref()](args const& answer) {
      auto const five = answer.get<int>(0);
      auto const text = answer.raw(1);
      bool const tested = text && json::parse(*text, nullptr, false).value("test", false);
      if (five && *five == 5 && tested) ref.emit("got it");
    });
  });
  io.on("getAckDate", [](args, ack reply) { reply(iso_date(std::chrono::system_clock::now())); });
  io.on("getDate", [](socket& s) { s.emit("takeDate", iso_date(std::chrono::system_clock::now())); });
  io.on("getDateObj", [](socket& s) {
    json const value{{"date", iso_date(std::chrono::system_clock::now())}};
    s.emit("takeDateObj", raw_json{value.dump()});
  });
  io.on("getUtf8", [](socket& s) {
    for (auto const* text :
         {"\u3066\u3059\u3068", "\u042F \u0411 \u0413 \u0414 \u0416 \u0419",
          "\u00C4 \u00E4 \u00DC \u00FC \u00DF", "utf8 \u2014 string", "utf8 \u2014 string"}) {
      s.emit("takeUtf8", text);
    }
  });
  io.on("false", [](socket& s) { s.emit("false", false); });
  io.on("getHandshake", [](socket& s, ack reply) { reply(raw_json{handshake_json(s.handshake()).dump()}); });
  io.on("getId", [](socket& s, ack reply) { reply(s.id()); });
}

void install_binary_events(siokit::server& io) {
  static constexpr std::string_view bytes = "asdfasdf";
  io.on("doge", [](socket& s) { s.emit("doge", siokit::as_bytes(bytes)); });
  io.on("getbin", [](socket& s) { s.emit("takebin", siokit::as_bytes(bytes)); });
  io.on("buffa", [](socket& s, args all) { is_binary(all) ? void(s.emit("buffack")) : void(); });
  io.on("jsonbuff",
        [](socket& s, args all) { is_json_with_binary(all) ? void(s.emit("jsonbuff-ack")) : void(); });
  io.on("abuff1", [](socket& s, args all) { s.data<progress>().binary_seen = is_binary(all); });
  io.on("abuff2", [](socket& s) { s.data<progress>().binary_seen ? void(s.emit("abuff2-ack")) : void(); });
  io.on("blob", [](socket& s, args all) {
    auto const blob = all.get<siokit::bytes_view>(0);
    if (blob) s.emit("back", *blob);
  });
  io.on("jsonblob",
        [](socket& s, args all) { is_json_with_binary(all) ? void(s.emit("jsonblob-ack")) : void(); });
  io.on("blob1", [](socket& s, args all) { s.data<progress>().blobs = is_binary(all) ? 1 : 0; });
  io.on("blob2", [](socket& s, std::string_view text) {
    auto& blobs = s.data<progress>().blobs;
    blobs = blobs == 1 && text == "second" ? 2 : 0;
  });
  io.on("blob3", [](socket& s, args all) {
    if (s.data<progress>().blobs == 2 && is_binary(all)) s.emit("blob3-ack");
  });
}

}  // namespace

void install_client_suite(siokit::server& io) {
  // A client's connect timer of 0 ms fires before the server has answered.
  io.allow_request([&io](siokit::engineio::request_head const&, siokit::admission decision) {
    io.after(std::chrono::milliseconds(10),
             [decision = std::make_shared<siokit::admission>(std::move(decision))] { decision->accept(); });
  });
  io.use([](socket& s, siokit::next go_on) {
    auto const fail = s.handshake().query("fail");
    fail && !fail->empty() ? go_on.refuse("Auth failed (main namespace)") : go_on();
  });
  install_text_events(io);
  install_binary_events(io);
  io.of("/foo").on("getId", [](socket& s, ack reply) { reply(s.id()); });
  for (auto const* name : {"/timeout_socket", "/valid", "/asd"}) static_cast<void>(io.of(name));
  io.of("/abc").on_connection(
      [](socket& s) { s.emit("handshake", raw_json{handshake_json(s.handshake()).dump()}); });
  io.of("/no").use([](socket&, siokit::next go_on) { go_on.refuse("Auth failed (custom namespace)"); });
}

}  // namespace testbed
