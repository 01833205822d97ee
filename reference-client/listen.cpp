// siokit-client listen: events as they come, a line each.   SPDX-License-Identifier: MIT
#include <algorithm>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>

#include "arguments.hpp"
#include "commands.hpp"

int run_listen(settings const& s) {
  asio::io_context context(1);
  siokit::client io(context, s.url, s.client);
  siokit::client_socket& socket = io.socket(s.nsp);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  asio::steady_timer patience(context);
  std::uint64_t seen = 0;
  int code = exit_done;
  bool over = false;
  auto const end = [&](int with) {
    if (std::exchange(over, true)) return;
    code = with;
    io.close();
    signals.cancel();
    patience.cancel();
  };

  socket.on_any([&](std::string_view event, siokit::args const& all) {
    bool const wanted = s.only.empty() || std::find(s.only.begin(), s.only.end(), event) != s.only.end();
    if (!wanted || over) return;
    print(event_line(event, all, s.json));
    if (++seen == s.count) end(exit_done);
  });
  socket.on_connect([&] { print(note_line("connect", socket.id(), s.json)); });
  socket.on_disconnect([&](siokit::disconnect_reason why) {
    if (over) return;
    print(note_line("disconnect", to_string(why), s.json));
    if (!socket.active() || !s.client.reconnection) end(exit_failed);
  });
  socket.on_connect_error([&](siokit::connect_error const& why) {
    complain(text_of(why));
    if (why.refused() || !s.client.reconnection) end(exit_failed);
  });
  signals.async_wait([&](std::error_code failure, int) {
    if (!failure) end(exit_done);
  });
  if (s.verbose) show_connection_events(io, s.json, print);
  io.on_reconnect_failed([&] { end(exit_failed); });
  if (s.wait.count() > 0) {
    patience.expires_after(s.wait);
    patience.async_wait([&](std::error_code failure) {
      if (!failure) end(s.count == 0 ? exit_done : exit_timed_out);
    });
  }
  socket.connect();
  context.run();
  return code;
}
