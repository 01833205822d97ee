// A load generator: N WebSocket clients, each with K messages in flight; prints the server's CPU time per
// message. SPDX-License-Identifier: MIT Usage: load PORT PID TARGET CLIENTS IN_FLIGHT MESSAGES OPENING
// MESSAGE
//   TARGET   request target of the WebSocket handshake
//   PID      of the server: its user+system time is read before and after
//   OPENING  sent once after the handshake, "" for none; its answers are awaited before the clock starts
//   MESSAGE  sent again for each whole frame that comes back
// With MESSAGES 0 the clients only stay connected, and the server's resident memory per connection is
// printed.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::string masked_frame(std::string const& text) {
  std::string out(1, static_cast<char>(0x81));
  if (text.size() < 126) {
    out += static_cast<char>(0x80 | text.size());
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(text.size() >> 8);
    out += static_cast<char>(text.size());
  }
  constexpr char mask[] = {0x11, 0x22, 0x33, 0x44};
  out.append(mask, 4);
  for (std::size_t i = 0; i < text.size(); ++i) out += static_cast<char>(text[i] ^ mask[i % 4]);
  return out;
}

/// Clock ticks of user and system time.
long cpu_ticks(std::string const& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string word;
  long sum = 0;
  for (int i = 1; i <= 15 && file >> word; ++i) {
    if (i >= 14) sum += std::stol(word);
  }
  return sum;
}

/// Precise CPU time of a process in nanoseconds: the scheduler's own count, over all threads.
double cpu_nanoseconds(std::string const& pid) {
  std::ifstream file("/proc/" + pid + "/schedstat");
  double run = 0;
  return file >> run
             ? run
             : static_cast<double>(cpu_ticks(pid)) * 1e9 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

long resident_kib(std::string const& pid) {
  std::ifstream file("/proc/" + pid + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

int connect_to(std::uint16_t port) {
  int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror("connect");
    std::exit(1);
  }
  int const on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void send_all(int fd, std::string const& data) {
  for (std::size_t sent = 0; sent < data.size();) {
    ssize_t const now = ::send(fd, data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) {
      std::perror("send");
      std::exit(1);
    }
    sent += static_cast<std::size_t>(now);
  }
}

/// Whole frames at the front of `data`, which are removed.
std::size_t take_frames(std::string& data) {
  std::size_t at = 0;
  std::size_t count = 0;
  while (data.size() - at >= 2) {
    std::size_t length = static_cast<unsigned char>(data[at + 1]) & 0x7F;
    std::size_t head = 2;
    if (length == 126) {
      if (data.size() - at < 4) break;
      length = static_cast<std::size_t>(static_cast<unsigned char>(data[at + 2])) << 8 |
               static_cast<unsigned char>(data[at + 3]);
      head = 4;
    }
    if (data.size() - at < head + length) break;
    at += head + length;
    ++count;
  }
  data.erase(0, at);
  return count;
}

/// Waits until the answer to the handshake, and `frames` frames after it, are there.
void await(int fd, std::string& rest, bool head, std::size_t frames) {
  char buffer[4096];
  while (head || frames > 0) {
    if (head) {
      auto const end = rest.find("\r\n\r\n");
      if (end != std::string::npos) {
        rest.erase(0, end + 4);
        head = false;
        continue;
      }
    } else {
      std::size_t const got = take_frames(rest);
      frames -= got < frames ? got : frames;
      if (frames == 0) return;
    }
    ssize_t const size = ::recv(fd, buffer, sizeof buffer, 0);
    if (size <= 0) {
      std::fprintf(stderr, "load: the server closed a connection: %s\n", rest.c_str());
      std::exit(1);
    }
    rest.append(buffer, static_cast<std::size_t>(size));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9)
    return std::fprintf(stderr, "usage: load PORT PID TARGET CLIENTS IN_FLIGHT MESSAGES OPENING MESSAGE\n"),
           2;
  auto const port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  std::string const pid = argv[2];
  std::string const target = argv[3];
  auto const clients = static_cast<std::size_t>(std::atol(argv[4]));
  int const in_flight = std::atoi(argv[5]);
  long const messages = std::atol(argv[6]);
  std::string const opening = argv[7];
  std::string const message = masked_frame(argv[8]);

  long const before_kib = resident_kib(pid);
  std::vector<int> fds;
  std::vector<std::string> rests(clients);
  int const poll = ::epoll_create1(0);
  for (std::size_t i = 0; i < clients; ++i) {
    int const fd = connect_to(port);
    fds.push_back(fd);
    send_all(fd, "GET " + target +
                     " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    // A Socket.IO server greets with its open packet, and answers the opening.
    await(fd, rests[i], true, opening.empty() ? 0 : 1);
    if (!opening.empty()) {
      send_all(fd, masked_frame(opening));
      await(fd, rests[i], false, 1);
    }
    epoll_event event{EPOLLIN, {.u64 = i}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
  }
  if (messages == 0) {
    ::usleep(300'000);  // the kernel's accounting of resident pages lags behind
    double const per_connection =
        static_cast<double>(resident_kib(pid) - before_kib) / static_cast<double>(clients);
    std::printf("%.3f KiB resident per connection, %zu connections\n", per_connection, clients);
    return 0;
  }
  double const before = cpu_nanoseconds(pid);
  std::string batch;
  for (int i = 0; i < in_flight; ++i) batch += message;
  for (int const fd : fds) send_all(fd, batch);
  std::vector<epoll_event> ready(1024);
  std::vector<char> buffer(256 * 1024);
  long received = 0;
  while (received < messages) {
    int const count = ::epoll_wait(poll, ready.data(), static_cast<int>(ready.size()), 10'000);
    if (count <= 0) return std::fprintf(stderr, "load: nothing came for 10 s\n"), 1;
    for (int i = 0; i < count; ++i) {
      std::size_t const which = ready[static_cast<std::size_t>(i)].data.u64;
      ssize_t const size = ::recv(fds[which], buffer.data(), buffer.size(), 0);
      if (size <= 0) return std::fprintf(stderr, "load: the server closed a connection\n"), 1;
      rests[which].append(buffer.data(), static_cast<std::size_t>(size));
      std::size_t const frames = take_frames(rests[which]);
      received += static_cast<long>(frames);
      batch.clear();
      for (std::size_t k = 0; k < frames; ++k) batch += message;
      if (!batch.empty()) send_all(fds[which], batch);
    }
  }
  double const spent = cpu_nanoseconds(pid) - before;
  std::printf("%.3f us CPU per message, %ld messages, %zu clients, %d in flight\n",
              spent / 1000 / static_cast<double>(received), received, clients, in_flight);
}
