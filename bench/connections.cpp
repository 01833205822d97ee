// A load generator of clients that only stay: how many there can be.   SPDX-License-Identifier: MIT
// Opens them as fast as the server takes them, says what stopped it, then does what its standard input asks
// for: "idle" waits for two pings of each, "broadcast" sends one event to all. Answers each with a line of
// JSON. Ends with its input. All share one thread, which wants a core of its own; CPU is that of the server.
#include <CLI/CLI.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "poller.hpp"
#include "process.hpp"
#include "wire.hpp"

namespace {

using namespace bench;
using clock_type = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct options {
  std::uint16_t port = 0;
  std::string pid;
  std::size_t clients = 1000;
};

double seconds(clock_type::duration span) {
  return std::chrono::duration<double>(span).count();
}

/// What a failure of the kernel says about its limits.
std::string limit_of(int failure) {
  std::string const why = std::strerror(failure);
  switch (failure) {
    case EMFILE: return "descriptors of a process: " + why;
    case ENFILE: return "descriptors of the machine: " + why;
    case EADDRNOTAVAIL: return "ports: " + why;
    case ENOBUFS:
    case ENOMEM: return "memory: " + why;
    default: return "the kernel: " + why;
  }
}

struct client {
  int fd = -1;
  unsigned pings = 0;  // since idle() began
  clock_type::time_point due;
  std::string in;
};

class crowd {
 public:
  explicit crowd(options const& o) : o_(o), resident_before_(resident_kib(o.pid)) {
    clients_.reserve(o.clients);
    poll_.add(STDIN_FILENO, input);
    for (int& each : spare_) each = ::dup(STDIN_FILENO);
  }
  void open();
  void idle();
  void broadcast();
  std::string next_command() {
    command_.clear();
    while (command_.empty()) serve();
    return command_;
  }

 private:
  static constexpr std::uint64_t input = UINT64_MAX;

  std::string add();
  std::string join(client& one);
  void serve(int timeout = 1000);
  void serve_client(client& one);
  void on_ping(client& one, clock_type::time_point now);
  void read_command();

  options o_;
  poller poll_;
  int spare_[4];  // descriptors to look at the server with, once clients have taken all others
  std::vector<client> clients_;
  milliseconds interval_{};  // as the server says
  std::string command_;
  std::vector<double> late_ms_;
  std::size_t waiting_ = 0;  // for two pings, or for the event
  long resident_before_;
};

// Opening.

char const* const no_answer = "the server: no answer to a handshake";

/// Reads one frame of a client that is not yet in the poller. False: none comes.
template <class Visit>
bool read_frame(client& one, Visit&& visit) {
  std::size_t at = 0;
  auto got = next_frame(one.in, at);
  for (; !got; got = next_frame(one.in, at)) {
    if (!receive(one.fd, one.in)) return false;
  }
  visit(got->payload);
  one.in.erase(0, at);
  return true;
}

/// Joins "/". What is in the way, or nothing.
std::string crowd::join(client& one) {
  timeval const patience{10, 0};
  ::setsockopt(one.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  send_all(one.fd, upgrade_request);
  std::size_t head = 0;
  while ((head = one.in.find("\r\n\r\n")) == std::string::npos) {
    if (!receive(one.fd, one.in)) return no_answer;
  }
  if (!one.in.starts_with("HTTP/1.1 101")) return "the server: " + one.in.substr(0, one.in.find("\r\n"));
  one.in.erase(0, head + 4);
  bool const opened = read_frame(one, [&](std::string_view packet) {
    constexpr std::string_view name = "\"pingInterval\":";
    auto const at = packet.find(name);
    if (at == std::string_view::npos) die("this is not an open packet:", packet);
    interval_ = milliseconds(std::strtol(packet.data() + at + name.size(), nullptr, 10));
    one.due = clock_type::now() + interval_;
  });
  if (!opened) return "the server: no open packet";
  send_all(one.fd, masked_frame("40"));
  return read_frame(one, [](std::string_view) {}) ? "" : "the server: no answer to a CONNECT";
}

std::string crowd::add() {
  client one;
  one.fd = try_connect(o_.port, source_of(clients_.size()));
  if (one.fd < 0) return limit_of(errno);
  std::string const why = join(one);
  if (!why.empty()) {
    ::close(one.fd);
    return why;
  }
  poll_.add(one.fd, clients_.size());
  clients_.push_back(std::move(one));
  return "";
}

void crowd::open() {
  auto const begin = clock_type::now();
  std::string stopped_by;
  while (stopped_by.empty() && clients_.size() < o_.clients) {
    stopped_by = add();
    if (clients_.size() % 64 == 0) serve(0);  // the first may get their pings before the last are there
  }
  double const took = seconds(clock_type::now() - begin);
  for (int const each : spare_) ::close(each);
  if (stopped_by == no_answer && descriptors_left(o_.pid) <= 0)
    stopped_by = "descriptors of the server: it has no more";
  if (clients_.empty()) die("not a single connection;", stopped_by);
  ::usleep(300'000);  // the kernel's count of resident pages lags behind
  std::printf(R"({"connections": %zu, "stopped_by": "%s", "resident_kib": %ld, "seconds": %.2f})"
              "\n",
              clients_.size(), stopped_by.c_str(), resident_kib(o_.pid) - resident_before_, took);
}

// Staying.

void crowd::read_command() {
  char buffer[64];
  ssize_t const size = ::read(STDIN_FILENO, buffer, sizeof buffer);
  if (size <= 0) std::exit(0);
  command_.assign(buffer, static_cast<std::size_t>(size));
  while (command_.ends_with('\n')) command_.pop_back();
}

/// A ping is due an interval after the pong to the one before.
void crowd::on_ping(client& one, clock_type::time_point now) {
  late_ms_.push_back(1000 * seconds(now - one.due));
  one.due = clock_type::now() + interval_;  // taken before, so that no lateness is below that of the server
  send_all(one.fd, masked_frame("3"));
  if (++one.pings == 2) --waiting_;
}

void crowd::serve_client(client& one) {
  if (!receive(one.fd, one.in)) die("the server closed a connection");
  auto const now = clock_type::now();
  std::size_t at = 0;
  while (auto const got = next_frame(one.in, at)) {
    if (got->opcode == 8) die("the server closed a session");
    if (got->payload == "2") on_ping(one, now);
    if (got->payload.starts_with("42")) --waiting_;
  }
  one.in.erase(0, at);
}

/// Serves who has got something within a second, or `timeout` milliseconds.
void crowd::serve(int timeout) {
  poll_.wait(timeout, [&](std::uint64_t tag) {
    if (tag == input) return read_command();
    serve_client(clients_[tag]);
  });
}

void crowd::idle() {
  for (client& each : clients_) each.pings = 0;
  late_ms_.clear();
  waiting_ = clients_.size();
  auto const begin = clock_type::now();
  double const before = cpu_microseconds(o_.pid);
  while (waiting_ != 0) {
    serve();
    if (clock_type::now() - begin > 3 * interval_ + std::chrono::seconds(20)) die("pings are missing");
  }
  double const cpu = cpu_microseconds(o_.pid) - before;
  std::printf(R"({"seconds": %.3f, "cpu_us": %.0f, "interval_ms": %ld, "late_ms": [)",
              seconds(clock_type::now() - begin), cpu, static_cast<long>(interval_.count()));
  for (std::size_t i = 0; i < late_ms_.size(); ++i) std::printf("%s%.3f", i == 0 ? "" : ",", late_ms_[i]);
  std::puts("]}");
}

/// Its times are those of a clock that all processes share.
void crowd::broadcast() {
  waiting_ = clients_.size();
  double const before = cpu_microseconds(o_.pid);
  auto const begin = clock_type::now();
  send_all(clients_.front().fd, masked_frame(R"(42["broadcast","xxxxxxxx"])"));
  while (waiting_ != 0) {
    serve();
    if (clock_type::now() - begin > std::chrono::seconds(30)) die("a broadcast does not reach everybody");
  }
  auto const end = clock_type::now();
  std::printf(R"({"begin": %.6f, "end": %.6f, "cpu_us": %.0f, "deliveries": %zu})"
              "\n",
              seconds(begin.time_since_epoch()), seconds(end.time_since_epoch()),
              cpu_microseconds(o_.pid) - before, clients_.size());
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  CLI::App app("Many Socket.IO clients that stay; does what its input asks for: idle, broadcast",
               "bench-connections");
  app.add_option("--port", o.port)->required();
  app.add_option("--pid", o.pid, "The server's process")->required();
  app.add_option("--clients", o.clients, "How many are wanted");
  CLI11_PARSE(app, argc, argv);
  crowd all(o);
  for (all.open();;) {
    std::fflush(stdout);
    std::string const command = all.next_command();
    if (command == "idle") {
      all.idle();
    } else if (command == "broadcast") {
      all.broadcast();
    } else {
      die("the input asks for what is not known:", command);
    }
  }
}
