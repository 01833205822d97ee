// siokit-client: the curl of Socket.IO.   SPDX-License-Identifier: MIT
// Reads the options and runs one verb: listen, emit, repl, ping, load or discover.
#include <exception>

#include "arguments.hpp"
#include "commands.hpp"

void show_connection_events(siokit::client& io, bool as_json, std::function<void(std::string const&)> show) {
  auto const note = [as_json, show = std::move(show)](std::string_view type, std::string_view text = {}) {
    show(note_line(type, text, as_json));
  };
  io.on_open([note] { note("open"); });
  io.on_error([note](siokit::connect_error const& why) { note("error", text_of(why)); });
  io.on_ping([note] { note("ping"); });
  io.on_upgrade([note] { note("upgrade"); });
  io.on_close([note](siokit::disconnect_reason why) { note("close", to_string(why)); });
  io.on_reconnect_attempt([note](std::uint64_t n) { note("reconnect_attempt", std::to_string(n)); });
  io.on_reconnect([note](std::uint64_t n) { note("reconnect", std::to_string(n)); });
  io.on_reconnect_error([note](siokit::connect_error const& why) { note("reconnect_error", why.message); });
  io.on_reconnect_failed([note] { note("reconnect_failed"); });
}

int main(int argc, char** argv) try {
  settings s;
  if (int const code = read_command_line(argc, argv, s); code >= 0) return code;
  switch (s.command) {
    case settings::verb::listen: return run_listen(s);
    case settings::verb::emit: return run_emit(s);
    case settings::verb::repl: return run_repl(s);
    case settings::verb::ping: return run_ping(s);
    case settings::verb::load: return run_load(s);
    case settings::verb::discover: return run_discover(s);
  }
  return exit_usage;
} catch (std::exception const& error) {
  complain(error.what());
  return exit_failed;
}
