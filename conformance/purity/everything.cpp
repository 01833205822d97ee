// The whole pure API in one object file, for purity.py. The compiler is told to keep every inline function;
// what is left to do here is what it can't know: to use the templates.
#include "pure_headers.hpp"

namespace siokit {

// A handler of each signature, an argument of each type: hub, socketio, core.
inline void use_hub(hub::server& io, hub::socket& s, socketio::args const& some) {
  io.of("/").on("typed", [](hub::socket& from, std::string_view text, int number, double real, bool yes,
                            std::string owned, hub::ack reply) {
    from.emit("answer", text, number, real, yes, owned, nullptr, "literal", 1U, 'c' == 'd', 1.5F,
              std::int64_t{1});
    reply("ok", 1);
  });
  io.on("all", [](socketio::args const& all) { static_cast<void>(all.size()); });
  io.on("nothing", [] {});
  s.on("mine", [](bytes_view data) { static_cast<void>(data.size()); });
  s.once("rest", [](hub::socket& from, socketio::args all) { from.emit("rest", all); });
  s.emit("ask", some, [](std::error_code, socketio::args const&) {});
  s.timeout(std::chrono::seconds(1)).emit("ask", [](std::error_code, socketio::args const&) {});
  s.volatile_().emit("maybe", 1);
  s.to("room").in("other").except("third").emit("news", bytes_view{}, 1.5, "text");
  s.data<int>() = 1;
  io.emit("everybody", some);
  io.to("room").emit("event");
}

inline void use_client(hub::client& io, socketio::args const& some) {
  auto& s = io.socket();
  s.on("typed", [](std::string_view text, int number, hub::client_ack reply) { reply(text, number); });
  s.once("all", [](socketio::args const& all) { static_cast<void>(all.size()); });
  s.emit("ask", some, [](std::error_code, socketio::args const&) {});
  s.timeout(std::chrono::seconds(1)).volatile_().emit("maybe", 1, bytes_view{}, [](int) {});
  s.auth([](hub::auth_reply reply) { static_cast<void>(reply("{}")); });
  static_cast<void>(socketio::own_args(1, "text", bytes_view{}));
  io.for_each([](hub::client_socket& each) { each.disconnect(); });
}

template class unique_function<int(int)>;

}  // namespace siokit
