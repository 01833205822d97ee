// An engine behind RabbitMQ.   SPDX-License-Identifier: MIT
// Events are published to the topic exchange `srvthreds.events`, the routing key being their type; messages
// come from the queue `srvthreds.messages.NODE`. Both are durable. An event is kept until the broker has
// confirmed it, and sent again when the connection was lost before: in order, none is lost while the broker
// restarts, one may come twice. An event that the broker refuses ends the connection, and is sent again with
// each one that follows, those behind it waiting; pauses grow up to five seconds. A message is acknowledged
// once it was handed to those of its participants who are here. What can't be read as a message is logged and
// acknowledged too: it would come for ever. An exchange to which no queue is bound drops events, which is
// logged and counted: binding one is up to who runs the engine.
//
// librabbitmq blocks, so a thread of its own serves the connection.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine.hpp"
#include "siokit/net/server.hpp"

namespace agent {

/// amqp://user:password@host:port/vhost
struct broker_address {
  std::string host, user, password, vhost;
  int port = 0;
};
[[nodiscard]] std::optional<broker_address> read_broker_address(std::string url);

class broker_link;

class rabbitmq_engine final : public engine {
 public:
  static constexpr std::size_t backlog_bytes_max = 64 * 1024 * 1024;

  /// `backlog`: events that are kept until the broker has them.
  rabbitmq_engine(siokit::server& io, broker_address at, std::string const& node, std::size_t backlog,
                  message_handler then);
  /// Gives the broker two seconds to confirm what is left.
  ~rabbitmq_engine() override;

  [[nodiscard]] bool take(json const& event) override;
  [[nodiscard]] json state() const override;

 private:
  using clock = std::chrono::steady_clock;
  struct outgoing {
    std::string type, body;
    bool confirmed = false;
  };

  // On the thread.
  void work();
  void serve(broker_link& broker);
  bool publish_some(broker_link& broker);
  void confirmed(std::uint64_t tag, bool multiple);
  void acknowledge(broker_link& broker);
  void receive(broker_link& broker);
  void delivered(std::uint64_t tag, std::string body);
  void returned();
  void link_is(broker_link const* broker);
  /// Sleeps until an event, the end or this time comes; with a link also until that has something to read.
  void wait(broker_link const* broker, clock::time_point until);
  void pause(clock::duration length);
  [[nodiscard]] bool over() const;

  // On the server's thread.
  void hand_over(std::string const& body) const;
  void wake() const noexcept;

  siokit::server& io_;
  broker_address const address_;
  std::string const queue_;
  std::size_t const backlog_;
  message_handler const then_;
  int const wake_;  // an eventfd

  mutable std::mutex guard_;  // of what follows
  std::condition_variable ended_;
  std::deque<outgoing> events_;  // those that were published, then those that were not
  std::size_t bytes_ = 0;        // of their bodies
  std::size_t published_ = 0;
  std::uint64_t first_tag_ = 1;  // of the first event, if it was published
  std::uint64_t link_ = 0;       // counts connections: tags of an old one mean nothing
  std::uint64_t handled_ = 0;    // the last message that was handed over
  std::size_t unrouted_ = 0;     // events that no queue took
  int socket_ = -1;              // of the connection there is
  std::optional<clock::time_point> end_by_;
  bool has_ended_ = false;

  // The thread's.
  std::uint64_t acknowledged_ = 0;
  bool said_unrouted_ = false;  // over this connection
  std::thread thread_;
};

}  // namespace agent
