// siokit-client emit: one event, and perhaps its acknowledgement.   SPDX-License-Identifier: MIT
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
  auto const refuse = [&](siokit::error why) {
    complain(std::string(to_string(why.code)));
    io.close();
  };

  socket.on_connect([&] {
    if (!s.ack) {
      auto const sent = socket.emit(s.event, *arguments);
      if (!sent) return refuse(sent.error());
      code = exit_done;
      return io.close();  // after it was sent
    }
    auto const sent =
        socket.timeout(s.ack_timeout)
            .emit(s.event, *arguments, [&](std::error_code failure, siokit::args answer) {
              code = !failure ? exit_done : failure == siokit::errc::timed_out ? exit_timed_out : exit_failed;
              if (!failure) {
                print(arguments_line(answer, s.json));
              } else {
                complain(failure.message());
              }
              io.close();
            });
    if (!sent) refuse(sent.error());
  });
  socket.on_connect_error([&](siokit::connect_error const& why) { complain(text_of(why)); });
  socket.connect();
  context.run();
  return code;
}
