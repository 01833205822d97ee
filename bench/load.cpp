// A load generator for Socket.IO servers: one row of the comparison a run.   SPDX-License-Identifier: MIT
// Prints one JSON object, or with --asked one for each line that it reads. Its clients share one thread,
// which wants a core of its own. Times are in microseconds; "cpu_us" is that of the server for a message,
// "busy" and "load_busy" are the shares of a core that the server took, and this program for other things
// than waiting. It warms up first: servers that compile what they run often are slower until they have.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <deque>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "poller.hpp"
#include "process.hpp"
#include "wire.hpp"

namespace {

using namespace bench;
using clock_type = std::chrono::steady_clock;

struct options {
  std::uint16_t port = 3000;
  std::string pid;
  std::size_t clients = 100;
  std::size_t in_flight = 1;
  std::size_t size = 32;
  double rate = 10'000;
  double seconds = 3;
  double warm_up = 3;
  bool asked = false;
  bool bare = false;
  bool sleeps = false;
};

std::string event(std::string_view head, std::size_t size) {
  return std::string(head) + ",\"" + std::string(size, 'x') + "\"]";
}

/// Removes the head of the answer to a handshake. False: it is not whole.
bool take_head(std::string& in) {
  auto const end = in.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  if (!in.starts_with("HTTP/1.1 101")) die("the handshake was refused:", in);
  in.erase(0, end + 4);
  return true;
}

/// A WebSocket client that has joined "/".
class client {
 public:
  explicit client(options const& o, std::size_t number) : fd(connect_to(o.port, source_of(number))) {
    send_all(fd, upgrade_request);
    while (!take_head(in_)) more();
    while (take() == 0) more();  // the open packet
    send_all(fd, masked_frame("40"));
    while (take() == 0) more();
  }
  /// Reads what has come, answers pings; how many other messages it was.
  std::size_t read() {
    more();
    return take();
  }

  int fd;

 private:
  void more() {
    if (!receive(fd, in_)) die("the server closed a connection:", in_);
  }
  std::size_t take() {
    std::size_t at = 0, count = 0;
    while (auto const one = next_frame(in_, at)) {
      if (one->opcode == 8) die("the server closed a session");
      if (one->payload == "2") {
        send_all(fd, masked_frame("3"));
        continue;
      }
      ++count;
    }
    in_.erase(0, at);
    return count;
  }

  std::string in_;
};

std::vector<client> open_clients(options const& o, poller& poll) {
  std::vector<client> all;
  for (std::size_t i = 0; i < o.clients; ++i) poll.add(all.emplace_back(o, i).fd, i);
  return all;
}

double seconds_since(clock_type::time_point begin) {
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

/// CPU of the server for each message after the warm-up. `visit(tag)` is called for what can be read; `step`
/// then says how many messages have come since it was asked last. The server would have to wake us where it
/// is slower than we are, and only there, so nobody sleeps, unless the server is to have this CPU too.
template <class Visit, class Step>
void measure(options const& o, poller& poll, Visit&& visit, Step&& step) {
  std::size_t done = 0;
  double span = 0;
  auto const run = [&](double seconds) {
    auto const begin = clock_type::now();
    for (done = 0, span = 0; span < seconds; span = seconds_since(begin)) {
      o.sleeps ? poll.wait(10'000, visit) : poll.wait_awake(visit);
      done += step();
    }
  };
  auto const count = [&] {
    double const before = cpu_microseconds(o.pid);
    double const own_before = cpu_microseconds("self") - 1e6 * poll.idle();
    run(o.seconds);
    double const spent = cpu_microseconds(o.pid) - before;
    double const own = cpu_microseconds("self") - 1e6 * poll.idle() - own_before;
    std::printf(R"({"cpu_us": %.4f, "messages": %zu, "per_second": %.0f, "busy": %.3f, "load_busy": %.3f})"
                "\n",
                spent / static_cast<double>(done), done, static_cast<double>(done) / span, spent / 1e6 / span,
                own / 1e6 / span);
    std::fflush(stdout);
  };
  run(o.warm_up);
  if (!o.asked) return count();
  std::puts("ready");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    run(0.02);  // what was answered while nobody looked
    count();
  }
}

void echo(options const& o) {
  poller poll;
  auto all = open_clients(o, poll);
  std::string const message = masked_frame(event(R"(421["message-with-ack")", o.size));
  std::string batch;
  auto const say = [&](int fd, std::size_t count) {
    batch.clear();
    while (count-- > 0) batch += message;
    send_all(fd, batch);
  };
  for (client& each : all) say(each.fd, o.in_flight);
  std::size_t done = 0;
  auto const answer = [&](std::uint64_t i) {
    std::size_t const count = all[i].read();
    if (count != 0) say(all[i].fd, count);
    done += count;
  };
  measure(o, poll, answer, [&] { return std::exchange(done, 0); });
}

/// Counts deliveries. The first client asks, and asks again whenever all have one more.
void broadcast(options const& o) {
  poller poll;
  auto all = open_clients(o, poll);
  std::string const message = masked_frame(event(R"(42["broadcast")", o.size));
  std::size_t total = 0, asked = 0, told = 0;
  auto const ask = [&] {
    std::string batch;
    for (; asked < total / o.clients + o.in_flight; ++asked) batch += message;
    send_all(all[0].fd, batch);
  };
  ask();
  auto const read = [&](std::uint64_t i) { total += all[i].read(); };
  measure(o, poll, read, [&] {
    ask();
    return total - std::exchange(told, total);
  });
}

/// The value below which a share of the sorted `values` is.
double quantile(std::vector<double> const& values, double share) {
  return values.empty() ? 0
                        : values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

/// Messages at a fixed rate, whatever becomes of them: the time of each counts from when it was due, and so
/// has in it how late it was sent, which is told as well.
void latency(options const& o) {
  poller poll;
  auto all = open_clients(o, poll);
  std::string const message = masked_frame(event(R"(421["message-with-ack")", o.size));
  std::vector<std::deque<std::size_t>> waiting(o.clients);  // the numbers of messages
  std::vector<double> times, late;
  auto const warm_up = static_cast<std::size_t>(o.rate * o.warm_up);
  auto const total = warm_up + static_cast<std::size_t>(o.rate * o.seconds);
  auto const begin = clock_type::now();
  auto const since_due = [&](std::size_t n) {  // in seconds
    return seconds_since(begin) - static_cast<double>(n) / o.rate;
  };
  double before = 0, first = 0;
  for (std::size_t sent = 0, got = 0; got < total;) {
    for (double behind = 0; sent < total && (behind = since_due(sent)) >= 0; ++sent) {
      std::size_t const i = sent % o.clients;
      if (sent == warm_up) {
        before = cpu_microseconds(o.pid);
        first = seconds_since(begin);
      }
      if (sent >= warm_up) late.push_back(1e6 * behind);
      waiting[i].push_back(sent);
      send_all(all[i].fd, message);
    }
    poll.wait(sent < total ? 0 : 10'000, [&](std::uint64_t i) {
      std::size_t const count = all[i].read();
      got += count;
      for (std::size_t k = 0; k < count; ++k) {
        if (waiting[i].empty()) die("an answer too many");
        std::size_t const n = waiting[i].front();
        waiting[i].pop_front();
        if (n >= warm_up) times.push_back(1e6 * since_due(n));
      }
    });
  }
  double const spent = cpu_microseconds(o.pid) - before;
  double const busy = spent / 1e6 / (seconds_since(begin) - first);
  std::sort(times.begin(), times.end());
  std::sort(late.begin(), late.end());
  std::printf(R"({"rate": %.0f, "messages": %zu, "p50": %.1f, "p99": %.1f, "p999": %.1f, "max": %.1f, )"
              R"("late_p99": %.1f, "late_max": %.1f, "cpu_us": %.4f, "busy": %.3f})"
              "\n",
              o.rate, times.size(), quantile(times, .5), quantile(times, .99), quantile(times, .999),
              quantile(times, 1), quantile(late, .99), quantile(late, 1),
              spent / static_cast<double>(times.size()), busy);
}

/// A client that polls: a GET waits on one connection, POSTs go by the other.
struct polling_client {
  polling_client(options const& o, std::size_t number)
      : get(connect_to(o.port, source_of(number))), post(connect_to(o.port, source_of(number))) {
    poll();
    std::string const open = answer(get, get_in);
    auto const at = open.find("\"sid\":\"");
    if (at == std::string::npos) die("no session:", open);
    sid = "&sid=" + open.substr(at + 7, open.find('"', at + 7) - at - 7);
    poll();
    say("40");
    answer(post, post_in);
    --posts;
    while (!answer(get, get_in).starts_with("40")) poll();  // a ping may come first
    poll();
  }
  void poll() const {
    send_all(get, "GET /socket.io/?EIO=4&transport=polling" + sid + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  void say(std::string_view packet) {
    ++posts;
    send_all(post, "POST /socket.io/?EIO=4&transport=polling" + sid +
                       " HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: " +
                       std::to_string(packet.size()) + "\r\n\r\n" + std::string(packet));
  }
  static std::string answer(int fd, std::string& in) {
    for (;;) {
      if (auto body = take_body(in)) return *body;
      if (!receive(fd, in)) die("the server closed a connection:", in);
    }
  }

  int get, post;
  std::string get_in, post_in, sid;
  int posts = 0;  // without an answer
  bool answered = false;
};

void polling(options const& o) {
  poller poll;
  std::vector<polling_client> all;
  std::string const message = event(R"(421["message-with-ack")", o.size);
  for (std::size_t i = 0; i < o.clients; ++i) {
    auto const& made = all.emplace_back(o, i);
    poll.add(made.get, 2 * i);
    poll.add(made.post, 2 * i + 1);
  }
  for (auto& each : all) each.say(message);
  std::size_t done = 0;
  auto const go_on = [&](std::uint64_t tag) {
    polling_client& who = all[tag / 2];
    bool const got = tag % 2 == 0;
    if (!receive(got ? who.get : who.post, got ? who.get_in : who.post_in))
      die("the server closed a connection");
    while (auto body = take_body(got ? who.get_in : who.post_in)) {
      if (!got) {
        --who.posts;
      } else {
        who.poll();
        bool const ping = *body == "2" || body->starts_with("2\x1e") || body->ends_with("\x1e\x32");
        if (ping) who.say("3");
        who.answered |= body->size() > 1;
      }
    }
    if (!who.answered || who.posts != 0) return;
    who.answered = false;
    who.say(message);
    ++done;
  };
  measure(o, poll, go_on, [&] { return std::exchange(done, 0); });
}

/// Clients that come, join, and go: as many at once as `clients`.
void connects(options const& o) {
  poller poll;
  enum class stage { upgrade, open, join, leave };
  struct visitor {
    int fd = -1;
    stage at = stage::upgrade;
    std::string in;
  };
  std::vector<visitor> all(o.clients);
  std::size_t number = 0;
  auto const come = [&](std::size_t i) {
    if (all[i].fd >= 0) ::close(all[i].fd);
    all[i] = {connect_to(o.port, static_cast<unsigned>(number++ % 200)), stage::upgrade, {}};
    send_all(all[i].fd, upgrade_request);
    poll.add(all[i].fd, i);
  };
  auto const step = [&](visitor& who) {
    std::size_t at = 0;
    if (who.at == stage::upgrade) {
      if (!take_head(who.in)) return false;
      who.at = o.bare ? stage::leave : stage::open;
      return true;
    }
    if (who.at == stage::leave || !next_frame(who.in, at)) return false;
    who.in.erase(0, at);
    bool const joins = who.at == stage::open;
    send_all(who.fd, joins ? masked_frame("40") : masked_frame("\x03\xe8", 8));
    who.at = joins ? stage::join : stage::leave;
    return true;
  };
  for (std::size_t i = 0; i < o.clients; ++i) come(i);
  std::size_t done = 0;
  auto const go_on = [&](std::uint64_t i) {
    visitor& who = all[i];
    if (receive(who.fd, who.in)) {
      while (step(who)) {
      }
    } else {
      if (who.at != stage::leave) die("the server closed a connection:", who.in);
      come(i);
      ++done;
    }
  };
  measure(o, poll, go_on, [&] { return std::exchange(done, 0); });
}

/// Clients that only stay. What a server brings in for the first ones, such as the pages of its own program,
/// is no part of what each of the others costs.
void idle(options const& o) {
  poller poll;
  auto const resident = [&o] {
    ::usleep(300'000);  // the kernel's count of resident pages lags behind
    return resident_kib(o.pid);
  };
  options first = o;
  first.clients = std::min<std::size_t>(100, o.clients / 2);
  auto const before_all = open_clients(first, poll);
  long const before = resident();
  auto const all = open_clients(o, poll);
  double const each = static_cast<double>(resident() - before) / static_cast<double>(o.clients);
  std::printf(R"({"kib": %.3f, "connections": %zu})"
              "\n",
              each, o.clients);
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  CLI::App app("Measures what a Socket.IO server costs", "bench-load");
  app.require_subcommand(1);
  app.add_option("--port", o.port)->required();
  app.add_option("--pid", o.pid, "The server's process")->required();
  app.add_option("--clients", o.clients, "Connections at a time");
  app.add_option("--in-flight", o.in_flight,
                 "Messages of each client, or broadcasts, that wait for their answer");
  app.add_option("--size", o.size, "Bytes of the text that a message carries");
  app.add_option("--rate", o.rate, "Messages a second, of latency");
  app.add_option("--seconds", o.seconds, "How long is counted");
  app.add_option("--warm-up", o.warm_up, "Seconds before that, of the same load");
  app.add_flag("--asked", o.asked,
               "After the warm-up says ready, and counts anew for each line of its input");
  app.add_flag("--bare", o.bare, "The server ends each connection after its handshake: a floor");
  app.add_flag("--sleeps", o.sleeps, "Sleeps where there is nothing to do: the server may use this CPU");
  app.fallthrough();
  struct row {
    char const *name, *about;
    void (*run)(options const&);
  };
  for (row const& each : {row{"echo", "Acknowledged events", echo},
                          {"broadcast", "Deliveries of broadcasts", broadcast},
                          {"latency", "Acknowledged events at a fixed rate", latency},
                          {"polling", "Acknowledged events by HTTP long-polling", polling},
                          {"connect", "Connect, join and close", connects},
                          {"idle", "Memory", idle}}) {
    app.add_subcommand(each.name, each.about)->callback([&o, run = each.run] { run(o); });
  }
  CLI11_PARSE(app, argc, argv);
}
