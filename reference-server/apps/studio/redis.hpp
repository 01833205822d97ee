// A connection to Redis that never blocks: hiredis, driven by Asio.
// SPDX-License-Identifier: MIT
// It comes back by itself when it is lost. What is asked while it is away, or is not answered in time, has no
// answer. The same with hiredis 0.14 and 1.x.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "siokit/core/unique_function.hpp"

namespace studio {

/// redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], with percent encoding in user and password.
struct redis_address {
  std::string host;
  std::uint16_t port = 6379;
  std::string user;
  std::string password;
  unsigned database = 0;

  [[nodiscard]] static std::optional<redis_address> read(std::string_view url);
};

class redis {
 public:
  static constexpr std::chrono::milliseconds deadline{500};  // of a command
  static constexpr std::chrono::milliseconds backoff_min{100}, backoff_max{5000};
  static constexpr std::size_t pending_max = 10'000;  // commands that are not answered

  /// The integer that Redis has answered; nullopt if there is no such answer.
  using answer_handler = siokit::unique_function<void(std::optional<long long>)>;

  redis(asio::io_context& context, redis_address address);
  ~redis();
  redis(redis const&) = delete;
  redis& operator=(redis const&) = delete;

  /// Sends a command. `then` is called once, maybe at once, unless this is destroyed before.
  void send(std::vector<std::string> const& words, answer_handler then);
  /// Lets go of the connection, for good.
  void stop();

 private:
  struct connection;  // redis.cpp
  std::shared_ptr<connection> connection_;
};

}  // namespace studio
