// What a host on libuv has of its own, whatever it speaks.   SPDX-License-Identifier: MIT
// A listening socket, and a WebSocket on a uv_tcp_t.
#pragma once

#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "server_websocket.hpp"

/// Watched by the default loop, on a free port of the loopback device, which it prints.
inline void listen_on_loopback(uv_tcp_t& listener, uv_connection_cb on_connection) {
  sockaddr_in at{};
  int size = sizeof at;
  auto* const address = reinterpret_cast<sockaddr*>(&at);
  ::uv_ip4_addr("127.0.0.1", 0, &at);
  if (::uv_tcp_init(::uv_default_loop(), &listener) != 0 || ::uv_tcp_bind(&listener, address, 0) != 0 ||
      ::uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 16, on_connection) != 0 ||
      ::uv_tcp_getsockname(&listener, address, &size) != 0) {
    std::fputs("can't listen\n", stderr);
    std::exit(1);
  }
  std::printf("listening on http://127.0.0.1:%d\n", ntohs(at.sin_port));
  std::fflush(stdout);
}

/// Tells the host: received(socket, bytes); writable(socket), when all that had to wait has left; at last
/// closed(socket), which is to destroy it. While something waits to be written it does not read, so that a
/// peer who takes nothing can ask for nothing.
template <class Host>
class uv_websocket final : public server_websocket {
 public:
  siokit::wire const name;

  uv_websocket(Host& host, siokit::wire its_name, uv_stream_t* listener) : name(its_name), host_(host) {
    ::uv_tcp_init(listener->loop, &tcp_);
    tcp_.data = this;
    ::uv_accept(listener, stream()) == 0 ? read() : shut();
  }
  uv_websocket(uv_websocket&&) = delete;

  /// Keeps what the kernel does not take.
  void write(std::string_view bytes) override {
    auto const piece = [](std::string_view of) {
      return ::uv_buf_init(const_cast<char*>(of.data()), static_cast<unsigned>(of.size()));
    };
    uv_buf_t const all = piece(bytes);
    int const sent = ::uv_try_write(stream(), &all, 1);
    if (sent < 0 && sent != UV_EAGAIN) return shut();
    bytes.remove_prefix(static_cast<std::size_t>(std::max(sent, 0)));
    if (bytes.empty()) return;
    auto rest = std::make_unique<unsent>();
    rest->bytes = bytes;
    uv_buf_t const kept = piece(rest->bytes);
    if (::uv_write(rest.get(), stream(), &kept, 1, on_written) != 0) return shut();
    (void)rest.release();  // on_written() has it
    ::uv_read_stop(stream());
  }
  /// Whether the peer takes what there is.
  [[nodiscard]] bool idle() const { return open() && tcp_.write_queue_size == 0; }
  /// Ends it; closed() will say so.
  void shut() {
    if (open()) ::uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), on_closed);
  }

 private:
  struct unsent : uv_write_t {
    std::string bytes;
  };

  static uv_websocket& of(void* data) { return *static_cast<uv_websocket*>(data); }
  static void on_buffer(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
    static char room[65536];  // one for all: what is read is taken at once
    *buffer = ::uv_buf_init(room, sizeof room);
  }
  static void on_read(uv_stream_t* stream, ssize_t size, uv_buf_t const* buffer) {
    uv_websocket& self = of(stream->data);
    if (size < 0) return self.shut();
    self.host_.received(self, {buffer->base, static_cast<std::size_t>(size)});
  }
  static void on_written(uv_write_t* request, int status) {
    uv_websocket& self = of(request->handle->data);
    delete static_cast<unsent*>(request);
    if (status != 0) return self.shut();
    if (!self.idle()) return;
    self.read();
    self.host_.writable(self);
  }
  static void on_closed(uv_handle_t* handle) {
    uv_websocket& self = of(handle->data);
    self.host_.closed(self);
  }

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }
  [[nodiscard]] bool open() const {
    return ::uv_is_closing(reinterpret_cast<uv_handle_t const*>(&tcp_)) == 0;
  }
  void read() { ::uv_read_start(stream(), on_buffer, on_read); }

  Host& host_;
  uv_tcp_t tcp_{};
};
