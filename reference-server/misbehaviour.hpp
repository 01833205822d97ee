// Bad days on demand, for authors of clients.   SPDX-License-Identifier: MIT
// A relay in front of the server: requests with the query parameter `misbehave` get the fault they ask for,
// all others pass. The server itself knows no faults. The list of them is in docs/testbed.md.
#pragma once

#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace misbehaviour {

using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, executor>;

class connection;

class relay {
 public:
  /// `server`: where requests are passed on to.
  relay(asio::io_context& context, asio::ip::tcp::endpoint server)
      : context_(context), server_(std::move(server)), pause_(context.get_executor()) {}
  relay(relay const&) = delete;
  relay& operator=(relay const&) = delete;
  ~relay() { close(); }

  /// Port 0 takes a free one. Returns where it listens; throws std::system_error.
  asio::ip::tcp::endpoint listen(asio::ip::tcp::endpoint const& at);
  /// Cuts all connections.
  void close();

  // For its connections.

  [[nodiscard]] executor get_executor() noexcept { return context_.get_executor(); }
  [[nodiscard]] asio::ip::tcp::endpoint const& server() const noexcept { return server_; }
  /// Cuts all connections, and listens again after `pause`.
  void restart(std::chrono::milliseconds pause);
  /// How many polls of this session have come, this one included.
  [[nodiscard]] std::size_t count_poll(std::string const& sid);

 private:
  void accept();

  asio::io_context& context_;
  asio::ip::tcp::endpoint server_;
  asio::ip::tcp::endpoint at_;
  std::optional<tcp_acceptor> acceptor_;
  timer pause_;
  std::vector<std::weak_ptr<connection>> connections_;
  std::map<std::string, std::size_t> polls_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for handlers that are on their way
};

}  // namespace misbehaviour
