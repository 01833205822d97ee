// siokit-client listen: events as they come, a line each.   SPDX-License-Identifier: MIT
// With --fallback: when the server is lost, or can't be had, the first one that answers takes its place.
#include <algorithm>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <memory>

#include "arguments.hpp"
#include "commands.hpp"

namespace {

class listener {
 public:
  explicit listener(settings const& s) : s_(s), options_(s.client), urls_{s.url} {
    urls_.insert(urls_.end(), s.fallbacks.begin(), s.fallbacks.end());
    if (falls_back()) options_.reconnection = false;  // it is done here
  }

  int run() {
    signals_.async_wait([this](std::error_code failure, int) {
      if (!failure) end(exit_done);
    });
    if (s_.wait.count() > 0) {
      patience_.expires_after(s_.wait);
      patience_.async_wait([this](std::error_code failure) {
        if (!failure)
          end(s_.count > 0 ? exit_timed_out : had_one_ || !falls_back() ? exit_done : exit_failed);
      });
    }
    connect();
    context_.run();
    return code_;
  }

 private:
  [[nodiscard]] bool falls_back() const noexcept { return urls_.size() > 1; }

  void connect() {
    std::string const& url = urls_[at_];
    io_ = std::make_unique<siokit::client>(context_, url, options_);
    siokit::client_socket& socket = io_->socket(s_.nsp);
    socket.on_any([this](std::string_view event, siokit::args const& all) { show(event, all); });
    socket.on_connect([this, &socket, url] {
      connected_ = had_one_ = true;
      print(note_line("connect", std::string(socket.id()) + (falls_back() ? " " + url : ""), s_.json));
    });
    socket.on_disconnect([this, &socket](siokit::disconnect_reason why) {
      if (over_) return;
      print(note_line("disconnect", to_string(why), s_.json));
      if (!socket.active() || !options_.reconnection) lost();
    });
    socket.on_connect_error([this](siokit::connect_error const& why) {
      complain(text_of(why));
      if (why.refused() || !options_.reconnection) lost();
    });
    if (s_.verbose) show_connection_events(*io_, s_.json, print);
    io_->on_reconnect_failed([this] { end(exit_failed); });
    socket.connect();
  }

  void show(std::string_view event, siokit::args const& all) {
    bool const wanted = s_.only.empty() || std::find(s_.only.begin(), s_.only.end(), event) != s_.only.end();
    if (!wanted || over_) return;
    print(event_line(event, all, s_.json));
    if (++seen_ == s_.count) end(exit_done);
  }

  /// Begins at the first server again when one was had, and else goes to the next; waits when all were tried.
  void lost() {
    if (over_) return;
    if (!falls_back() || (connected_ && !s_.client.reconnection)) return end(exit_failed);
    bool const was_connected = std::exchange(connected_, false);
    at_ = was_connected ? 0 : at_ + 1;
    bool const all_tried = at_ == urls_.size();
    if (all_tried) at_ = 0;
    rounds_ = was_connected ? 0 : rounds_ + (all_tried ? 1 : 0);
    std::uint32_t const most = s_.client.reconnection_attempts;
    bool const over = !s_.client.reconnection || (most > 0 && rounds_ > most);
    if (all_tried && over) return end(exit_failed);
    pause_.expires_after(all_tried || was_connected ? s_.client.reconnection_delay : siokit::duration{});
    pause_.async_wait([this](std::error_code failure) {  // later: this is a handler of the client that goes
      if (!failure && !over_) connect();
    });
  }

  void end(int with) {
    if (std::exchange(over_, true)) return;
    code_ = with;
    io_->close();
    signals_.cancel();
    patience_.cancel();
    pause_.cancel();
  }

  settings const& s_;
  siokit::client_options options_;
  std::vector<std::string> urls_;
  asio::io_context context_{1};
  asio::signal_set signals_{context_, SIGINT, SIGTERM};
  asio::steady_timer patience_{context_}, pause_{context_};
  std::unique_ptr<siokit::client> io_;
  std::size_t at_ = 0;
  std::uint32_t rounds_ = 0;  // in which no server was to be had
  std::uint64_t seen_ = 0;
  int code_ = exit_done;
  bool connected_ = false;
  bool had_one_ = false;  // a connection
  bool over_ = false;
};

}  // namespace

int run_listen(settings const& s) {
  return listener(s).run();
}
