// Runs the transcripts of this folder: what a client sends, what it must get, what the application must see.
//
// In a fenced block marked `wire`, each line is one step:
//   > TEXT       the client sends a text frame      < TEXT    the next frame it must get
//   >x HEX       the client sends a binary frame    <x HEX    the same, binary
//   ! TEXT       the next thing the application must log
//   wait MS      virtual time passes                shut      the server must close the WebSocket
// Ids of sockets are shown as #. At the end of a block nothing may be left unmentioned.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "../unit/hub/world.hpp"

namespace golden_test {

using namespace hub_test;

std::string hex_of(std::string_view bytes) {
  std::string out;
  for (char const c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

/// The application of all transcripts: it logs everything, and answers a few events.
void install(hub::server& io, std::string& log) {
  for (auto const* name : {"/", "/chat"}) {
    auto& space = io.of(name);
    space.on_connection([&log, name](hub::socket& s) {
      log += std::string("connection ") + name + " " + std::string(s.handshake().auth()) + "\n";
    });
    space.on_any([&log](hub::socket&, std::string_view event, args const& all) {
      log += std::string(event) + "(";
      for (std::size_t i = 0; i < all.size(); ++i) log += (i == 0 ? "" : ", ") + std::string(*all.raw(i));
      log += ")\n";
    });
    space.on_disconnect([&log](hub::socket&, hub::disconnect_reason why) {
      log += "disconnect " + std::string(to_string(why)) + "\n";
    });
    space.on("echo", [](hub::socket& s, args all, hub::ack reply) {
      if (reply.wanted()) {
        reply(all);
      } else {
        s.emit("echo", all);
      }
    });
    space.on("ask", [&log](hub::socket& s) {
      s.timeout(5s).emit("question", [&log](std::error_code failure, args const& answer) {
        log += failure ? "no answer: " + failure.message() + "\n"
                       : "answer of " + std::to_string(answer.size()) + "\n";
      });
    });
  }
  io.of("/private").use([](hub::socket&, hub::next go_on) {
    go_on.refuse("not authorized", R"({"code":401})");
  });
}

class transcript {
 public:
  explicit transcript(std::string where) : where_(std::move(where)) {
    install(world_.io, log_);
    client_ = world_.open();
    static_cast<void>(world_.heard_frames(client_));
  }

  void step(std::string_view line) {
    SCOPED_TRACE(where_ + ": " + std::string(line));
    if (line.starts_with("> ") || line == ">") {
      world_.say(client_, line.substr(std::min<std::size_t>(2, line.size())));
    } else if (line.starts_with(">x")) {
      world_.say_binary(client_, from_hex(line.substr(std::min<std::size_t>(3, line.size()))));
    } else if (line.starts_with("wait ")) {
      world_.pass(std::chrono::milliseconds(std::stol(std::string(line.substr(5)))));
    } else if (line.starts_with("! ")) {
      EXPECT_EQ(next_log(), line.substr(2));
    } else {
      collect();
      ASSERT_FALSE(frames_.empty()) << "nothing more was sent";
      auto const frame = frames_.front();
      frames_.erase(frames_.begin());
      EXPECT_EQ(frame.first == frame_kind::text ? frame.second : "x " + hex_of(frame.second),
                line == "shut"           ? "shut"
                : line.starts_with("<x") ? line.substr(1)
                                         : line.substr(2));
    }
  }
  void end() {
    SCOPED_TRACE(where_);
    collect();
    EXPECT_TRUE(frames_.empty()) << "sent, but not mentioned: " << frames_.front().second;
    EXPECT_EQ(next_log(), "") << "logged, but not mentioned";
  }

 private:
  void collect() {
    for (auto& frame : world_.heard_frames(client_)) frames_.push_back(std::move(frame));
  }
  std::string next_log() {
    auto const end = log_.find('\n');
    if (end == std::string::npos) return {};
    std::string const line = log_.substr(0, end);
    log_.erase(0, end + 1);
    return line;
  }

  std::string where_;
  world world_;
  std::string log_;
  int client_ = 0;
  std::vector<std::pair<frame_kind, std::string>> frames_;
};

TEST(golden, transcripts) {
  int blocks = 0;
  for (auto const& entry : std::filesystem::directory_iterator(SIOKIT_GOLDEN)) {
    if (entry.path().extension() != ".md") continue;
    std::ifstream file(entry.path());
    std::optional<transcript> running;
    std::string title;
    for (std::string line; std::getline(file, line);) {
      if (line == "```wire") {
        running.emplace(entry.path().filename().string() + ", " + title);
        ++blocks;
      } else if (line == "```" && running) {
        running->end();
        running.reset();
      } else if (running) {
        running->step(line);
      } else if (line.starts_with("#")) {
        title = line.substr(line.find(' ') + 1);
      }
    }
  }
  EXPECT_GT(blocks, 10) << "the transcripts were not found";
}

}  // namespace golden_test
