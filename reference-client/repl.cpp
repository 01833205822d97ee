// siokit-client repl: a prompt.   SPDX-License-Identifier: MIT
// Lines come from libedit when there is a terminal, plainly from standard input else, so that it can be
// scripted. Editing and the network share one thread: libedit is given a character when there is one.
#include <editline/readline.h>
#include <unistd.h>

#include <algorithm>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/streambuf.hpp>
#include <csignal>
#include <cstring>
#include <istream>
#include <optional>
#include <set>

#include "arguments.hpp"
#include "commands.hpp"

namespace {

constexpr std::string_view help[] = {
    "EVENT ARGS...      send an event; an argument is JSON, @FILE for binary, or text",
    "/ack EVENT ARGS... the same, and wait for the acknowledgement",
    "/connect           connect again",
    "/disconnect        leave the namespace",
    "/auth JSON         what the next connect carries",
    "/quit              leave",
};

/// Words as a shell splits them: by blanks, but not inside of quotes, brackets and braces.
std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  int depth = 0;
  bool quoted = false, escaped = false;
  for (char const c : line) {
    if (c == ' ' && !quoted && depth == 0) {
      if (!word.empty()) words.push_back(std::exchange(word, {}));
      continue;
    }
    word += c;
    if (quoted) {
      quoted = escaped || c != '"';
      escaped = c == '\\' && !escaped;
    } else {
      quoted = c == '"';
      depth = std::max(0, depth + (c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0));
    }
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

class repl {
 public:
  explicit repl(settings const& s)
      : s_(s),
        context_(1),
        io_(context_, s.url, s.client),
        socket_(io_.socket(s.nsp)),
        input_(context_, ::dup(STDIN_FILENO)),
        signals_(context_, SIGINT, SIGTERM),
        editing_(isatty(STDIN_FILENO) != 0) {
    current = this;
  }
  ~repl() { current = nullptr; }

  int run() {
    socket_.on_connect([this] {
      show(note_line("connect", socket_.id(), s_.json));
      begin_script();
    });
    socket_.on_disconnect([this](siokit::disconnect_reason why) {
      if (!over_) show(note_line("disconnect", to_string(why), s_.json));
    });
    socket_.on_connect_error([this](siokit::connect_error const& why) {
      show(note_line("connect_error", text_of(why), s_.json));
      if (why.refused() || !s_.client.reconnection) begin_script();
    });
    io_.on_reconnect_failed([this] { begin_script(); });
    socket_.on_any([this](std::string_view event, siokit::args const& all) {
      if (printable(event) == event) names_.emplace(event);
      show(event_line(event, all, s_.json));
    });
    signals_.async_wait([this](std::error_code failure, int) {
      if (!failure) end(exit_done);
    });
    if (s_.verbose) show_connection_events(io_, s_.json, [this](std::string const& line) { show(line); });
    begin_input();
    socket_.connect();
    context_.run();
    if (editing_) rl_callback_handler_remove();
    return code_;
  }

 private:
  static constexpr char const* prompt = "> ";
  inline static repl* current = nullptr;  // libedit passes nothing to its callbacks

  void begin_input() {
    if (editing_) {
      edit();
      rl_attempted_completion_function = [](char const* text, int start, int) -> char** {
        rl_attempted_completion_over = 1;
        return start == 0 || std::strncmp(rl_line_buffer, "/ack ", 5) == 0
                   ? rl_completion_matches(text, complete)
                   : nullptr;
      };
      using_history();
      read_more();
    }
  }
  /// libedit leaves the terminal to itself after each line, so that every line begins with this.
  static void edit() {
    rl_callback_handler_install(prompt, [](char* line) {
      current->on_line(line);
      std::free(line);
      if (!current->over_) edit();
    });
  }
  /// It begins when there is a connection, or none to be expected.
  void begin_script() {
    if (!editing_ && !std::exchange(reading_, true)) read_more();
  }
  static char* complete(char const* text, int state) {
    static std::set<std::string>::const_iterator at;
    if (state == 0) at = current->names_.lower_bound(text);
    if (at == current->names_.end() || !at->starts_with(text)) return nullptr;
    return strdup((at++)->c_str());
  }

  void read_more() {
    if (over_) return;
    if (editing_) {
      input_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code failure) {
        if (failure || over_) return;
        rl_callback_read_char();
        read_more();
      });
      return;
    }
    input_.async_read_some(buffer_.prepare(4096), [this](std::error_code failure, std::size_t size) {
      buffer_.commit(size);
      ended_ = static_cast<bool>(failure);
      take_lines();
    });
  }
  /// A script goes on when the acknowledgement that it waits for is there.
  void take_lines() {
    std::istream in(&buffer_);
    std::string line;
    while (!waiting_ && !over_ && buffer_.size() > 0) {
      auto const data = buffer_.data();
      bool const whole = std::memchr(data.data(), '\n', data.size()) != nullptr;
      if (!whole && !ended_) break;
      std::getline(in, line);
      on_line(line.c_str());
    }
    if (waiting_ || over_) return;
    ended_ ? on_line(nullptr) : read_more();
  }

  /// Null: the end of the input.
  void on_line(char const* text) {
    if (text == nullptr) return end(socket_.connected() || editing_ ? exit_done : exit_failed);
    auto words = split(text);
    if (words.empty()) return;
    if (editing_) add_history(text);
    std::string const first = words.front();
    words.erase(words.begin());
    if (first == "/quit") return end(exit_done);
    if (first == "/help" || first == "/?") {
      for (auto const each : help) show(each);
      return;
    }
    if (first == "/connect") return socket_.connect();
    if (first == "/disconnect") return socket_.disconnect();
    if (first == "/auth") {
      if (!socket_.auth(words.empty() ? std::string() : words.front())) show("/auth: expected a JSON object");
      return;
    }
    bool const ack = first == "/ack";
    if (first.starts_with('/') && !ack) return show("unknown command: " + first + "; /help shows all");
    if (ack && words.empty()) return show("/ack: expected an event");
    std::string event = first;
    if (ack) {
      event = words.front();
      words.erase(words.begin());
    }
    send(event, words, ack);
  }
  void send(std::string const& event, std::vector<std::string> const& words, bool ack) {
    names_.insert(event);
    auto const arguments = read_arguments(words);
    if (!arguments) return show(arguments.error());
    siokit::result<void> sent;
    if (ack) {
      waiting_ = !editing_;
      sent = socket_.timeout(s_.ack_timeout)
                 .emit(event, *arguments, [this](std::error_code failure, siokit::args answer) {
                   if (over_) return;
                   show(failure   ? note_line("ack", failure.message(), s_.json)
                        : s_.json ? arguments_line(answer, true)
                                  : "= " + arguments_line(answer, false));
                   if (std::exchange(waiting_, false)) take_lines();
                 });
    } else {
      sent = socket_.emit(event, *arguments);
    }
    if (sent) return;
    waiting_ = false;
    show(std::string(to_string(sent.error().code)));
  }

  /// A line above the prompt, which is drawn anew.
  void show(std::string_view line) {
    if (!editing_) return print(line);
    std::printf("\r\x1b[2K");
    print(line);
    rl_forced_update_display();
  }
  void end(int code) {
    if (std::exchange(over_, true)) return;
    code_ = code;
    if (editing_) std::printf("\n");
    io_.close();
    signals_.cancel();
    input_.close();
  }

  settings const& s_;
  asio::io_context context_;
  siokit::client io_;
  siokit::client_socket& socket_;
  asio::posix::stream_descriptor input_;
  asio::signal_set signals_;
  asio::streambuf buffer_;
  std::set<std::string> names_;
  bool const editing_;
  bool reading_ = false;  // a script
  bool waiting_ = false;  // it waits for an acknowledgement
  bool ended_ = false;    // there is no more of it
  bool over_ = false;
  int code_ = exit_done;
};

}  // namespace

int run_repl(settings const& s) {
  return repl(s).run();
}
