// siokit/net/client_connection.hpp - one connection to a server: HTTP, or a WebSocket.
// SPDX-License-Identifier: MIT
// In: readiness of the socket. Out: answers and frames, handed to the host. Resolves, tries every address,
// passes a proxy, shakes hands for TLS, then sends what it was made for. One object serves requests one after
// the other, or one WebSocket. Its deadline belongs to the host, which has the one timer.
#pragma once

#include <asio/ip/basic_resolver.hpp>
#include <asio/ip/tcp.hpp>

#include "siokit/core/ids.hpp"
#include "siokit/core/message.hpp"
#include "siokit/core/ref.hpp"
#include "siokit/net/clock.hpp"
#include "siokit/net/http_parser.hpp"
#include "siokit/net/socket.hpp"
#include "siokit/net/tls_filter.hpp"
#include "siokit/net/url.hpp"
#include "siokit/websocket/decoder.hpp"
#include "siokit/websocket/deflate.hpp"
#include "siokit/websocket/frame.hpp"
#include "siokit/websocket/handshake.hpp"

namespace siokit::inline v0::net::impl {

class client_host;

/// What one request asks for.
struct client_request {
  wire on{};           // a WebSocket,
  exchange name{};     // or a plain request
  bool is_get = true;  // may be sent again when the server closes a connection that was idle
  std::string target{};
  std::string body{};
};

class client_connection final : public counted {
 public:
  explicit client_connection(client_host& host);

  /// Sends a request, after connecting if need be. Precondition: idle() or new.
  void start(client_request request);
  /// Sends a message to the server; what the socket does not take waits here. Precondition: is_wire().
  void send(message const& item);
  /// Whether more may be given to send().
  [[nodiscard]] bool takes_more() const noexcept {
    return mode_ == mode::websocket && out_.size() < write_max;
  }
  /// Writes what was sent in this turn.
  void flush();
  /// Ends a WebSocket in order, anything else at once. Nobody is told.
  void shut();
  /// The answer is wanted no longer than a moment.
  void linger();
  /// Ends the connection at once. Nobody is told.
  void abandon() noexcept;
  /// The deadline has come.
  void expire();

  [[nodiscard]] client_request const& request() const noexcept { return request_; }
  [[nodiscard]] bool over() const noexcept { return mode_ == mode::over; }
  [[nodiscard]] bool idle() const noexcept { return mode_ == mode::idle; }
  [[nodiscard]] bool serves(exchange which) const noexcept { return busy() && request_.name == which; }
  [[nodiscard]] bool serves(wire which) const noexcept { return busy() && request_.on == which; }
  [[nodiscard]] time_point deadline() const noexcept { return earliest(deadline_, leave_at_); }

 private:
  enum class mode : std::uint8_t { connecting, tunnel, tls, http, idle, websocket, closing, over };
  using tcp = asio::ip::tcp;
  static constexpr std::size_t write_max = 64 * 1024;

  [[nodiscard]] bool busy() const noexcept { return mode_ < mode::idle || mode_ == mode::websocket; }

  // Connecting.
  void resolve();
  void try_address();
  void on_connected();
  void open_tunnel();
  void on_tunnel(std::span<char> in);
  void begin_tls();
  void send_request();

  // Reading.
  template <class Work>
  void in_turn(Work&& work);
  void wait_readable();
  void on_readable();
  void receive(std::span<char> in);
  void consume(std::span<char> in);
  void receive_response(std::span<char> in);
  bool on_head();
  void on_complete();
  void open_websocket(std::span<char> in);
  void receive_frames(std::span<char> in);
  void receive_message(websocket::event const& in);
  void break_websocket(error why);
  void end_input();

  // Writing.
  void write(std::string_view plain);
  void send_control(std::uint8_t opcode, std::string_view payload);
  void close_websocket(std::uint16_t code);

  /// Tells the host that the present request has failed. `text`: what went wrong.
  void fail(std::string_view text, error why = {});
  [[nodiscard]] std::string place() const;

  ref<client_host> host_;
  asio::ip::basic_resolver<tcp, executor> resolver_;
  asio::basic_stream_socket<tcp, executor> socket_;
  std::vector<tcp::endpoint> addresses_;
  std::size_t address_ = 0;
  client_request request_;
  std::unique_ptr<tls_filter> tls_;
  std::unique_ptr<http_parser> parser_;
  websocket::decoder decoder_{websocket::role::client};
  websocket::request_key key_{};
  std::string head_;  // of a proxy's answer
  std::string body_;
  std::string out_;  // bytes that the socket did not take yet
  time_point deadline_ = never;
  time_point leave_at_ = never;  // when the present answer is wanted no longer, however far it is
  std::uint32_t served_ = 0;     // requests answered before the present one
  mode mode_ = mode::connecting;
  bool deflates_ = false;
  bool answered_ = false;  // a byte of the answer has come
  bool waits_readable_ = false;
  bool waits_writable_ = false;
  bool pong_queued_ = false;
};

}  // namespace siokit::inline v0::net::impl
