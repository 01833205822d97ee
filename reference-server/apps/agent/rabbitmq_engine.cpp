// See rabbitmq_engine.hpp.   SPDX-License-Identifier: MIT
#include "rabbitmq_engine.hpp"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

#include "apps/http_api.hpp"
#include "envelope.hpp"

namespace agent {
namespace {

using namespace std::chrono_literals;

constexpr char const* events_exchange = "srvthreds.events";
constexpr amqp_channel_t channel = 1;
constexpr int heartbeat = 10;  // seconds
constexpr std::uint16_t unacknowledged_max = 100;
constexpr int publish_at_once = 100;  // then the confirms are read
constexpr auto first_pause = 100ms, longest_pause = 5000ms, flush_time = 2000ms;

amqp_bytes_t bytes_of(std::string const& text) {
  return {text.size(), const_cast<char*>(text.data())};
}
std::string text_of(amqp_bytes_t bytes) {
  return {static_cast<char const*>(bytes.bytes), bytes.len};
}

/// What the broker says when it closes a channel or a connection.
std::string reason_of(amqp_method_t const& method) {
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
    return text_of(static_cast<amqp_connection_close_t const*>(method.decoded)->reply_text);
  }
  if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
    return text_of(static_cast<amqp_channel_close_t const*>(method.decoded)->reply_text);
  }
  return std::string("the broker said ") + amqp_method_name(method.id);
}

void require(int status) {
  if (status != AMQP_STATUS_OK) throw std::runtime_error(amqp_error_string2(status));
}
void require(amqp_rpc_reply_t const& reply) {
  if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) throw std::runtime_error(reason_of(reply.reply));
  if (reply.reply_type != AMQP_RESPONSE_NORMAL)
    throw std::runtime_error(amqp_error_string2(reply.library_error));
}

}  // namespace

/// A connection to the broker with one channel, which has the exchange and reads the queue. What fails throws
/// std::runtime_error; the connection is of no use then.
class broker_link {
 public:
  broker_link(broker_address const& at, std::string const& queue) {
    if (connection_ == nullptr) throw std::bad_alloc();
    timeval patience{2, 0};
    static_cast<void>(amqp_set_handshake_timeout(connection_, &patience));
    static_cast<void>(amqp_set_rpc_timeout(connection_, &patience));
    auto* const tcp = amqp_tcp_socket_new(connection_);
    if (tcp == nullptr) throw std::bad_alloc();
    require(amqp_socket_open_noblock(tcp, at.host.c_str(), at.port, &patience));
    login(at);
    amqp_channel_open(connection_, channel);
    require_answer();
    amqp_exchange_declare(connection_, channel, amqp_cstring_bytes(events_exchange),
                          amqp_cstring_bytes("topic"), false, true, false, false, amqp_empty_table);
    require_answer();
    amqp_queue_declare(connection_, channel, bytes_of(queue), false, true, false, false, amqp_empty_table);
    require_answer();
    amqp_confirm_select(connection_, channel);
    require_answer();
    amqp_basic_qos(connection_, channel, 0, unacknowledged_max, false);
    require_answer();
    amqp_basic_consume(connection_, channel, bytes_of(queue), amqp_empty_bytes, false, false, false,
                       amqp_empty_table);
    require_answer();
  }

  /// Comes back as a return when no queue takes it.
  void publish(std::string const& type, std::string const& body) {
    amqp_basic_properties_t properties{};
    properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties.content_type = amqp_cstring_bytes("application/json");
    properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
    require(amqp_basic_publish(connection_, channel, amqp_cstring_bytes(events_exchange), bytes_of(type),
                               true, false, &properties, bytes_of(body)));
  }
  void acknowledge_up_to(std::uint64_t tag) { require(amqp_basic_ack(connection_, channel, tag, true)); }
  /// What the broker says, if it says something now. Valid until the next call. Also sends heartbeats, and
  /// throws when those of the broker don't come.
  [[nodiscard]] std::optional<amqp_method_t> next_method() {
    amqp_maybe_release_buffers(connection_);
    amqp_frame_t frame{};
    timeval now{};
    int const status = amqp_simple_wait_frame_noblock(connection_, &frame, &now);
    if (status == AMQP_STATUS_TIMEOUT) return std::nullopt;
    require(status);
    if (frame.frame_type != AMQP_FRAME_METHOD) throw std::runtime_error("the broker sent no method");
    return frame.payload.method;
  }
  /// The body that comes after a delivery or a return.
  [[nodiscard]] std::string read_body() {
    amqp_message_t message{};
    require(amqp_read_message(connection_, channel, &message, 0));
    std::string body = text_of(message.body);
    amqp_destroy_message(&message);
    return body;
  }
  /// Ends in good order; messages that were not acknowledged are for the next one who comes.
  void close() { static_cast<void>(amqp_connection_close(connection_, AMQP_REPLY_SUCCESS)); }

  [[nodiscard]] bool has_read() const {
    return amqp_frames_enqueued(connection_) != 0 || amqp_data_in_buffer(connection_) != 0;
  }
  [[nodiscard]] int socket() const { return amqp_get_sockfd(connection_); }

 private:
  void login(broker_address const& at) {
    // Else nobody would tell that the queue was deleted.
    amqp_table_entry_t told{amqp_cstring_bytes("consumer_cancel_notify"), {AMQP_FIELD_KIND_BOOLEAN, {}}};
    told.value.value.boolean = true;
    amqp_table_entry_t capabilities{amqp_cstring_bytes("capabilities"), {AMQP_FIELD_KIND_TABLE, {}}};
    capabilities.value.value.table = {1, &told};
    amqp_table_t const properties{1, &capabilities};
    require(amqp_login_with_properties(connection_, at.vhost.c_str(), AMQP_DEFAULT_MAX_CHANNELS,
                                       AMQP_DEFAULT_FRAME_SIZE, heartbeat, &properties,
                                       AMQP_SASL_METHOD_PLAIN, at.user.c_str(), at.password.c_str()));
  }
  void require_answer() { require(amqp_get_rpc_reply(connection_)); }

  struct destroy {
    void operator()(amqp_connection_state_t connection) const noexcept {
      amqp_destroy_connection(connection);
    }
  };
  std::unique_ptr<std::remove_pointer_t<amqp_connection_state_t>, destroy> const owner_{
      amqp_new_connection()};
  amqp_connection_state_t connection_ = owner_.get();
};

std::optional<broker_address> read_broker_address(std::string url) {
  amqp_connection_info parts{};
  if (amqp_parse_url(url.data(), &parts) != AMQP_STATUS_OK || parts.ssl != 0) return std::nullopt;
  std::string const vhost = *parts.vhost == '\0' ? "/" : parts.vhost;
  return broker_address{parts.host, parts.user, parts.password, vhost, parts.port};
}

rabbitmq_engine::rabbitmq_engine(siokit::server& io, broker_address at, std::string const& node,
                                 std::size_t backlog, message_handler then)
    : io_(io),
      address_(std::move(at)),
      queue_("srvthreds.messages." + node),
      backlog_(backlog),
      then_(std::move(then)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { work(); });
}

rabbitmq_engine::~rabbitmq_engine() {
  {
    std::unique_lock lock(guard_);
    end_by_ = clock::now() + flush_time;
    wake();
    bool const in_time = ended_.wait_until(lock, *end_by_ + 500ms, [this] { return has_ended_; });
    if (!in_time && socket_ >= 0) shutdown(socket_, SHUT_RDWR);  // a broker that reads nothing more
  }
  thread_.join();
  close(wake_);
  if (!events_.empty()) spdlog::error("{} events were not confirmed by the broker", events_.size());
}

bool rabbitmq_engine::take(json const& event) {
  std::string body = event.dump(-1, ' ', false, json::error_handler_t::replace);
  std::lock_guard const lock(guard_);
  if (events_.size() >= backlog_ || bytes_ + body.size() > backlog_bytes_max) return false;
  bytes_ += body.size();
  events_.push_back({event["type"].get<std::string>(), std::move(body)});
  wake();
  return true;
}

json rabbitmq_engine::state() const {
  std::lock_guard const lock(guard_);
  return {{"kind", "rabbitmq"},
          {"connected", socket_ >= 0},
          {"pending", events_.size()},
          {"unrouted", unrouted_}};
}

void rabbitmq_engine::hand_over(std::string const& body) const {
  auto const message = apps::read_json(body);
  auto const problem = message ? message_problem(*message) : "it is no JSON";
  if (problem) return spdlog::warn("message dropped bytes={}: {}", body.size(), *problem);
  then_(*message);
}

void rabbitmq_engine::wake() const noexcept {
  static_cast<void>(eventfd_write(wake_, 1));
}

// --- The thread

void rabbitmq_engine::work() {
  auto length = first_pause;
  while (!over()) {
    std::optional<clock::time_point> linked;
    try {
      broker_link broker(address_, queue_);
      link_is(&broker);
      said_unrouted_ = false;
      linked = clock::now();
      spdlog::info("broker connected host={} port={} queue={}", address_.host, address_.port, queue_);
      serve(broker);
      link_is(nullptr);
      broker.close();
    } catch (std::exception const& failure) {
      link_is(nullptr);
      spdlog::warn("broker lost host={} port={} pending={}: {}", address_.host, address_.port,
                   std::size_t(state()["pending"]), failure.what());
      // A broker that lets us in and then refuses what it is sent is like one that is away.
      if (linked && clock::now() - *linked > longest_pause) length = first_pause;
      pause(length);
      length = std::min(2 * length, longest_pause);
    }
  }
  std::lock_guard const lock(guard_);
  has_ended_ = true;
  ended_.notify_one();
}

void rabbitmq_engine::serve(broker_link& broker) {
  while (true) {
    bool const more = publish_some(broker);
    acknowledge(broker);
    if (over()) return;
    if (!more && !broker.has_read()) wait(&broker, clock::now() + 1s);
    receive(broker);
  }
}

/// Whether more is to be published.
bool rabbitmq_engine::publish_some(broker_link& broker) {
  for (int i = 0; i < publish_at_once; ++i) {
    outgoing const* next = nullptr;  // stays where it is: this thread alone takes events away
    {
      std::lock_guard const lock(guard_);
      if (published_ == events_.size()) return false;
      next = &events_[published_++];
    }
    broker.publish(next->type, next->body);
  }
  return true;
}

void rabbitmq_engine::confirmed(std::uint64_t tag, bool multiple) {
  std::lock_guard const lock(guard_);
  if (tag < first_tag_ || tag - first_tag_ >= published_) return;
  std::size_t const last = tag - first_tag_;
  for (std::size_t i = multiple ? 0 : last; i <= last; ++i) events_[i].confirmed = true;
  while (published_ > 0 && events_.front().confirmed) {
    bytes_ -= events_.front().body.size();
    events_.pop_front();
    --published_;
    ++first_tag_;
  }
}

void rabbitmq_engine::acknowledge(broker_link& broker) {
  std::uint64_t handled = 0;
  {
    std::lock_guard const lock(guard_);
    handled = handled_;
  }
  if (handled == acknowledged_) return;
  broker.acknowledge_up_to(handled);
  acknowledged_ = handled;
}

void rabbitmq_engine::receive(broker_link& broker) {
  while (auto const method = broker.next_method()) {
    if (method->id == AMQP_BASIC_ACK_METHOD) {
      auto const* const ack = static_cast<amqp_basic_ack_t const*>(method->decoded);
      confirmed(ack->delivery_tag, ack->multiple != 0);
    } else if (method->id == AMQP_BASIC_DELIVER_METHOD) {
      auto const tag = static_cast<amqp_basic_deliver_t const*>(method->decoded)->delivery_tag;
      delivered(tag, broker.read_body());
    } else if (method->id == AMQP_BASIC_RETURN_METHOD) {
      static_cast<void>(broker.read_body());
      returned();
    } else {  // also AMQP_BASIC_NACK_METHOD: all that is not confirmed is sent again, in order
      throw std::runtime_error(reason_of(*method));
    }
  }
}

/// The broker has confirmed it, or will, but it went nowhere.
void rabbitmq_engine::returned() {
  if (!std::exchange(said_unrouted_, true)) {
    spdlog::warn("events are lost: no queue that takes them is bound to the exchange {}", events_exchange);
  }
  std::lock_guard const lock(guard_);
  ++unrouted_;
}

void rabbitmq_engine::delivered(std::uint64_t tag, std::string body) {
  io_.post([this, tag, link = link_, body = std::move(body)] {
    try {
      hand_over(body);
    } catch (std::exception const& failure) {  // it would come for ever
      spdlog::error("message dropped bytes={}: {}", body.size(), failure.what());
    }
    std::lock_guard const lock(guard_);
    if (link != link_) return;  // it will come again
    handled_ = tag;
    wake();
  });
}

/// There is a new connection, or none any more.
void rabbitmq_engine::link_is(broker_link const* broker) {
  std::lock_guard const lock(guard_);
  socket_ = broker == nullptr ? -1 : broker->socket();
  ++link_;
  handled_ = acknowledged_ = 0;
  published_ = 0;
  first_tag_ = 1;
  std::erase_if(events_, [this](outgoing const& each) {
    if (each.confirmed) bytes_ -= each.body.size();
    return each.confirmed;
  });
}

void rabbitmq_engine::wait(broker_link const* broker, clock::time_point until) {
  {
    std::lock_guard const lock(guard_);
    if (end_by_) until = std::min(until, *end_by_);
  }
  auto const left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
  pollfd ready[] = {{wake_, POLLIN, 0}, {broker == nullptr ? -1 : broker->socket(), POLLIN, 0}};
  poll(ready, 2, static_cast<int>(std::max(left, 0ms).count()));
  eventfd_t count = 0;
  static_cast<void>(eventfd_read(wake_, &count));
}

void rabbitmq_engine::pause(clock::duration length) {
  auto const until = clock::now() + length;
  while (!over() && clock::now() < until) wait(nullptr, until);
}

/// Whether the end has come, and nothing is left to do or no time to do it.
bool rabbitmq_engine::over() const {
  std::lock_guard const lock(guard_);
  return end_by_ && (events_.empty() || clock::now() >= *end_by_);
}

}  // namespace agent
