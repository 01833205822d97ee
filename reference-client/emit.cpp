// siokit-client emit: one event, and perhaps its acknowledgement.   SPDX-License-Identifier: MIT
#include <asio/steady_timer.hpp>

#include "arguments.hpp"
#include "commands.hpp"

int run_emit(settings const& s) {
  auto const arguments = read_arguments(s.arguments);
  if (!arguments) return complain(arguments.error()), exit_usage;
  asio::io_context context(1);
  siokit::client_options options = s.client;
  options.reconnection = false;
  siokit::client io(context, s.url, options);
  siokit::client_socket& socket = io.socket(s.nsp);
  int code = exit_failed;
  asio::steady_timer patience(context);
  bool over = false;
  auto const end = [&](int with) {
    if (std::exchange(over, true)) return;
    code = with;
    patience.cancel();
    io.close();
  };
  auto const refuse = [&](siokit::error why) {
    complain(to_string(why.code));
    end(exit_failed);
  };

  socket.on_connect([&] {
    if (!s.ack) {
      auto const sent = socket.emit(s.event, *arguments);
      return sent ? end(exit_done) : refuse(sent.error());  // closed after it was sent
    }
    patience.cancel();
    auto const sent = socket.timeout(s.ack_timeout)
                          .emit(s.event, *arguments, [&](std::error_code failure, siokit::args answer) {
                            if (!failure) {
                              print(arguments_line(answer, s.json));
                              return end(exit_done);
                            }
                            if (over) return;  // what has ended it was told
                            complain(failure.message());
                            end(failure == siokit::errc::timed_out ? exit_timed_out : exit_failed);
                          });
    if (!sent) refuse(sent.error());
  });
  socket.on_connect_error([&](siokit::connect_error const& why) {
    complain(text_of(why));
    end(exit_failed);
  });
  socket.on_disconnect([&](siokit::disconnect_reason why) {
    if (!over) complain("disconnected: " + std::string(to_string(why)));
    end(exit_failed);
  });
  io.on_close([&](siokit::disconnect_reason why) {               // before the namespace was joined
    if (why == siokit::disconnect_reason::forced_close) return;  // ours, for a reason that is told elsewhere
    if (!over) complain("disconnected: " + std::string(to_string(why)));
    end(exit_failed);
  });
  if (s.ack_timeout.count() == 0) return socket.connect(), context.run(), code;  // as long as it takes
  patience.expires_after(s.ack_timeout);
  patience.async_wait([&](std::error_code failure) {
    if (failure) return;
    complain("not connected in time");
    end(exit_timed_out);
  });
  socket.connect();
  context.run();
  return code;
}
