// One HTTP request that waits for its answer.   SPDX-License-Identifier: MIT
// For programs that ask a server how it is, and have nothing else to do meanwhile. Certificates are not
// verified: what is told is no secret, and what is asked of it no more than to be there.
#pragma once

#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/ssl/error.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <string>
#include <tl/expected.hpp>

#include "siokit/net/url.hpp"

namespace verbs {

struct http_answer {
  unsigned status = 0;
  std::string body;
};

namespace impl {

/// Runs operations one after another, all within one time.
class patient_connection {
 public:
  explicit patient_connection(std::chrono::milliseconds within)
      : deadline_(std::chrono::steady_clock::now() + within) {}

  /// `begin(handler)` starts an operation; its outcome.
  template <class Begin>
  std::error_code run(Begin begin) {
    std::error_code outcome = asio::error::timed_out;
    begin([&outcome](std::error_code failure, auto&&...) { outcome = failure; });
    context_.restart();
    context_.run_until(deadline_);
    if (context_.stopped()) return outcome;
    stream_.lowest_layer().close();
    context_.run();
    return asio::error::timed_out;
  }
  template <class Stream>
  std::error_code exchange(Stream& stream, std::string const& request, std::string& answer) {
    auto failure = run([&](auto done) { asio::async_write(stream, asio::buffer(request), std::move(done)); });
    if (failure) return failure;
    constexpr std::size_t longest = 1 << 20;
    failure = run(
        [&](auto done) { asio::async_read(stream, asio::dynamic_buffer(answer, longest), std::move(done)); });
    bool const ended = failure == asio::error::eof || failure == asio::ssl::error::stream_truncated;
    return ended ? std::error_code() : failure;
  }

  [[nodiscard]] asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] auto& stream() noexcept { return stream_; }

 private:
  asio::io_context context_;
  std::chrono::steady_clock::time_point deadline_;
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  asio::ssl::stream<asio::ip::tcp::socket> stream_{context_, tls_};
};

}  // namespace impl

/// GETs a path of the server at `at`; with a body: POSTs it as JSON. Error: one line.
[[nodiscard]] inline tl::expected<http_answer, std::string> http_get(siokit::net::url const& at,
                                                                     std::string_view path,
                                                                     std::chrono::milliseconds within,
                                                                     std::string const& body = {}) {
  impl::patient_connection wire(within);
  auto& socket = wire.stream().next_layer();
  std::error_code failure;
  auto const where =
      asio::ip::tcp::resolver(wire.context()).resolve(at.host, std::to_string(at.port), failure);
  if (!failure) failure = wire.run([&](auto done) { asio::async_connect(socket, where, std::move(done)); });
  if (!failure && at.secure) {
    failure = wire.run(
        [&](auto done) { wire.stream().async_handshake(asio::ssl::stream_base::client, std::move(done)); });
  }
  std::string request(body.empty() ? "GET " : "POST ");
  request.append(path).append(" HTTP/1.1\r\nHost: ").append(at.host).append("\r\nConnection: close\r\n");
  if (!body.empty()) {
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  request.append("\r\n").append(body);
  std::string answer;
  if (!failure) {
    failure =
        at.secure ? wire.exchange(wire.stream(), request, answer) : wire.exchange(socket, request, answer);
  }
  if (failure) return tl::unexpected(failure.message());
  auto const head = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.") || head == answer.npos)
    return tl::unexpected(std::string("it speaks no HTTP"));
  return http_answer{static_cast<unsigned>(std::strtoul(answer.c_str() + 9, nullptr, 10)),
                     answer.substr(head + 4)};
}

}  // namespace verbs
