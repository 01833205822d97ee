// A server that runs out of memory: a visit of a client, told again and again, and each time the next
// allocation of the server fails. Whatever fails, the visitor gets its answers or the end of its connection,
// and never waits in vain; the next one is served as if nothing had been; nothing is left behind.
//
// What fails is `operator new` and `aligned_alloc` on the thread of the server while its io_context runs: the
// memory of siokit and that of Asio. OpenSSL, zlib and nghttp2 take theirs from malloc, and can say that
// there is none.
#include <unistd.h>

#include <asio/local/stream_protocol.hpp>
#include <filesystem>

#include "net/certificate.hpp"
#include "net/websocket_client.hpp"
#include "siokit/net/deflate.hpp"
#include "siokit/net/shards.hpp"
#include "unit/heap.hpp"

namespace net_allocation_failure_test {

using namespace siokit;
using namespace siokit::test;
using namespace std::chrono_literals;
namespace opcodes = websocket::opcodes;
using conformance::heap;

std::string const socketio = "/socket.io/?EIO=4&transport=";

server_options options() {
  server_options out{.cors = engineio::cors_options{}, .cookie = engineio::cookie_options{}};
  out.http_compression.enabled = true;
  out.per_message_deflate.emplace();
  out.per_message_deflate->server_no_context_takeover = false;
  return out;
}

/// The server, or the shards of one, which work only while somebody waits for something, and on his thread.
class stage {
 public:
  explicit stage(std::size_t shards = 1) : all(shards, options(), set_up) {
    plain = *io.listen({asio::ip::address_v4::loopback(), 0});
    secure = *io.listen({asio::ip::address_v4::loopback(), 0}, server_context());
    EXPECT_FALSE(io.host().listen(file));
  }

  static void set_up(siokit::server& io) {
    io.on_handler_error([](std::exception_ptr const& why, siokit::socket*) {
      EXPECT_THROW(std::rethrow_exception(why), std::bad_alloc);
    });
    io.route("POST /echo", [](auto const& in, net::http_reply reply) {
      reply.send(200, std::string(in.body), {{"X-Long-Name-Of-A-Header", "a value that is long as well"}});
    });
    io.on_connection([](siokit::socket& s) { s.join("everybody, whoever it may be"); });
    io.on("echo", [](siokit::socket&, std::string const& text, siokit::ack reply) { reply(text); });
    io.on("binary", [](siokit::socket&, bytes_view data, siokit::ack reply) { reply(data); });
    io.on("tell", [](siokit::socket& s, std::string const& text) {
      s.nsp().to("everybody, whoever it may be").emit("told", text);
    });
    io.on("ask", [](siokit::socket& s) {
      s.timeout(10s).emit("question", [&s](std::error_code, siokit::args const&) { s.emit("answered"); });
      s.timeout(1ms).emit("urgent", [&s](std::error_code late, siokit::args const&) {
        if (late) s.emit("late");
      });
    });
  }

  /// From here on the n-th allocation of the server fails.
  void fail_after(std::size_t n) { fail_after_ = n; }
  [[nodiscard]] bool failed() const { return fail_after_ == 0; }
  void spare() { fail_after_ = 0; }

  bool until(std::function<bool()> const& done) {
    auto const limit = std::chrono::steady_clock::now() + 5s;
    while (!done()) {
      if (std::chrono::steady_clock::now() > limit) return hangs = true, false;
      std::size_t done_now = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        asio::io_context& context = all[i].context();
        attempt([&] { context.restart(), done_now += context.poll_one(); });
      }
      if (done_now == 0) attempt([this] { io.context().restart(), io.context().run_one_for(1ms); });
    }
    return true;
  }
  /// Does it while allocations fail.
  template <class Action>
  void attempt(Action&& action) {
    heap.fail_after = fail_after_;
    try {
      action();
    } catch (std::bad_alloc const&) {  // which is all that may come of it
    }
    fail_after_ = std::exchange(heap.fail_after, 0);
  }
  /// Closes it, until it has nothing left to do.
  bool until_stopped() {
    all.close(1s);
    return until_idle();
  }
  bool until_idle() {
    auto const stopped = [this] {
      bool each = true;
      for (std::size_t i = 0; i < all.size(); ++i) each &= all[i].context().stopped();
      return each;
    };
    bool once = false;
    return until([&] { return std::exchange(once, stopped()); });
  }

 private:
  std::size_t fail_after_ = 0;

 public:
  siokit::shards all;
  siokit::server& io = all[0];
  tcp::endpoint plain, secure;
  asio::local::stream_protocol::endpoint file{
      (std::filesystem::temp_directory_path() / ("siokit-" + std::to_string(::getpid()))).string()};
  bool hangs = false;
};

/// How to come in. A file is of a Unix socket: it holds little, and so is soon full.
enum class way : std::uint8_t { tcp, tls, file };

/// One connection of a client. What it expects and does not get makes it broken, which is for good.
class visitor {
 public:
  explicit visitor(stage& at, way in = way::tcp) : at_(at), socket_(elsewhere_) {
    if (in == way::file) {
      socket_.connect(at.file);
    } else {
      socket_.connect(in == way::tls ? at.secure : at.plain);
      socket_.set_option(tcp::no_delay(true));
    }
    socket_.non_blocking(true);
    if (in == way::tls) tls_.emplace(client_context().get(), net::tls_role::client, "localhost");
  }

  void send(std::string_view bytes) {
    if (!tls_) return write(bytes);
    until([this] { return tls_->handshake_done(); });
    static_cast<void>(tls_->write(bytes));
    flush();
  }
  /// The next HTTP response; its body. `status`: the one it is to have.
  std::string response(std::string_view status = "200") {
    until([this] { return in_.find("\r\n\r\n") != in_.npos; });
    std::size_t const head = in_.find("\r\n\r\n") + 4;
    std::size_t const length = in_.find("Content-Length: ");
    std::size_t const size = head + (length < head ? std::stoul(in_.substr(length + 16)) : 0);
    until([&] { return broken || in_.size() >= size; });
    if (broken) return {};
    if (in_.substr(9, 3) != status) broken = true;
    std::string const body = in_.substr(head, size - head);
    in_.erase(0, size);
    return body;
  }
  std::string ask(std::string_view request) {
    send(request);
    return response();
  }
  void upgrade(std::string_view target, bool compressed = false) {
    std::string request = websocket_handshake(target);
    if (compressed) request.insert(request.size() - 2, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    send(request);
    response("101");
  }
  void say(std::uint8_t opcode, std::string_view payload) { send(frame_of(opcode, payload)); }
  void say(std::string_view packet) { say(opcodes::text, packet); }
  /// The next frame.
  std::string next() {
    std::string out;
    until([&] {
      std::span<char> rest(in_);
      auto const event = decoder_.next(rest);
      if (!event) broken = true;
      if (event && *event) out = described(**event);
      in_.erase(0, in_.size() - rest.size());
      return !out.empty();
    });
    return out;
  }
  /// Takes what comes up to the frame that begins so.
  std::string hear(std::string_view beginning) {
    std::string out;
    while (!broken && !out.starts_with(beginning)) out = next();
    return out;
  }
  void ends() {
    until([this] { return ended_; });
  }

  bool broken = false;

 private:
  static net::tls_context const& client_context() {
    static net::tls_context const context = net::impl::make_tls_context(TLS_client_method());
    return context;
  }
  std::string described(websocket::event const& event) {
    if (!event.compressed) return websocket_client::describe(event);
    std::string out = "text ";
    if (!inflate_(event.data, out, 1'000'000)) broken = true;
    return out;
  }
  void write(std::string_view bytes) {
    until([&] {
      std::error_code failure;
      bytes.remove_prefix(socket_.write_some(asio::buffer(bytes.data(), bytes.size()), failure));
      return bytes.empty() || (failure && failure != asio::error::would_block);
    });
  }
  void flush() {
    std::string out;
    if (tls_->drain(out)) write(out);
  }
  void pull() {
    char buffer[65536];
    std::error_code failure;
    while (!failure && !ended_) {
      std::size_t const size = socket_.read_some(asio::buffer(buffer), failure);
      (tls_ ? cipher_ : in_).append(buffer, size);
      ended_ = failure && failure != asio::error::would_block;
    }
    if (!tls_) return;
    if (!cipher_.empty()) static_cast<void>(tls_->feed(cipher_));
    for (auto size = tls_->read(buffer); size && *size > 0; size = tls_->read(buffer))
      in_.append(buffer, *size);
    cipher_.clear();
    flush();
  }
  void until(std::function<bool()> const& done) {
    if (broken) return;
    bool there = false;
    bool const in_time = at_.until([&] {
      pull();
      there = done();
      return there || ended_ || broken;
    });
    if (!in_time || !there) broken = true;
  }

  asio::io_context elsewhere_{1};
  stage& at_;
  asio::generic::stream_protocol::socket socket_;
  std::optional<net::tls_filter> tls_;
  std::string cipher_, in_;
  websocket::decoder decoder_{websocket::role::client, {.message_bytes_max = 100'000'000}, true};
  net::inflater inflate_{true};
  bool ended_ = false;
};

// --- The visits. Each answers whether all was as it is to be.

std::string sid_in(std::string const& opening) {
  auto const at = opening.find("\"sid\":\"");
  return at == opening.npos ? "none" : opening.substr(at + 7, opening.find('"', at + 7) - at - 7);
}

/// The id that the packet of an event asks to be answered by.
std::string ack_id(std::string const& packet) {
  auto const at = packet.find("42");
  return at == packet.npos ? "" : packet.substr(at + 2, packet.find('[') - at - 2);
}

bool routes(stage& at) {
  visitor v(at);
  std::string const text = "how do you do, and how are the others?";
  bool const echoed = v.ask(post("/echo", text)) == text;
  v.send(get("/nowhere"));
  v.response("404");
  v.send(get(socketio + "polling&sid=nobody", "Origin: http://localhost\r\n"));
  v.response("400");
  v.send("nonsense\r\n\r\n");
  v.response("400");
  v.ends();
  return echoed && !v.broken;
}

bool polls(stage& at) {
  visitor gets(at), posts(at);
  std::string const target = socketio + "polling&sid=" + sid_in(gets.ask(get(socketio + "polling")));
  std::string const text(1500, 'x');
  /// What the packets of a POST bring to the GET that waits.
  auto const said = [&](std::string_view packets) -> std::string {
    if (gets.broken || posts.broken) return {};
    gets.send(get(target, "Accept-Encoding: gzip\r\n"));
    if (posts.ask(post(target, packets)) != "ok") return {};
    std::string out = gets.response();
    if (!gets.broken) return out;
    visitor again(at);  // must not hear what comes after, as if nothing were lost
    again.send(get(target));
    again.response("400");
    return {};
  };
  bool good = said("40").starts_with("40{");
  std::string const next = "\x1e";
  good = good && said(R"(421["echo","hello"])" + next + R"(422["echo","again"])") ==
                     R"(431["hello"])" + next + R"(432["again"])";
  good = good && said(R"(451-2["binary",{"_placeholder":true,"num":0}])" + next + "bAAEC").ends_with("bAAEC");
  std::string const compressed = good ? said(R"(423["echo",")" + text + R"("])") : "";
  good = good && !compressed.empty() && compressed.size() < text.size();
  return good && said("1") == "6";
}

/// What a client may say on a WebSocket, and hear.
bool converses(visitor& v) {
  std::string const large(20'000, 'x');
  v.say("40");
  v.hear("text 40{");
  v.say(R"(421["echo","hello"])");
  v.hear(R"(text 431["hello"])");
  v.say(opcodes::ping, "p");
  v.hear("pong p");
  v.say(R"(451-2["binary",{"_placeholder":true,"num":0}])");
  v.say(opcodes::binary, "012");
  v.hear(R"(text 461-2[)");
  v.hear("binary 012");
  v.say(R"(42["ask"])");
  std::string const question = v.hear("text 42");
  v.hear(R"(text 42["late"])");
  v.say("43" + ack_id(question) + "[]");
  v.hear(R"(text 42["answered"])");
  v.say(R"(423["echo",")" + large + R"("])");
  v.hear(R"(text 433["x)");
  v.say(R"(42["tell","news"])");
  v.hear(R"(text 42["told","news"])");
  v.say("40/nowhere,");
  v.hear("text 44/nowhere,");
  v.say("41");
  v.say("40");
  v.hear("text 40{");
  return !v.broken;
}

bool takes_leave(visitor& v) {
  v.say(opcodes::close, "\x03\xe8");
  v.hear("close 1000");
  v.ends();
  return !v.broken;
}

bool opens_a_websocket(stage& at) {
  visitor v(at);
  v.upgrade(socketio + "websocket", true);
  v.hear("text 0{");
  return converses(v) && takes_leave(v);
}

bool opens_a_websocket_by_tls(stage& at) {
  visitor v(at, way::tls);
  v.upgrade(socketio + "websocket");
  v.hear("text 0{");
  return converses(v) && takes_leave(v);
}

bool moves_to_a_websocket(stage& at) {
  visitor gets(at), posts(at), v(at);
  std::string const sid = sid_in(gets.ask(get(socketio + "polling")));
  std::string const target = socketio + "polling&sid=" + sid;
  if (posts.ask(post(target, "40")) != "ok" || !gets.ask(get(target)).starts_with("40{")) return false;
  gets.send(get(target));
  v.upgrade(socketio + "websocket&sid=" + sid);
  v.say("2probe");
  v.hear("text 3probe");
  v.say("5");
  v.say(R"(421["echo","hello"])");
  v.hear(R"(text 431["hello"])");
  return takes_leave(v) && gets.response() == "1";
}

/// Two are told more than the sockets take; one reads it late, the other never.
bool reads_slowly(stage& at) {
  constexpr int messages = 6;
  visitor never(at, way::file), late(at, way::file), tells(at);
  for (visitor* const v : {&never, &late, &tells}) {
    v->upgrade(socketio + "websocket");
    v->hear("text 0{");
    v->say("40");
    v->hear("text 40{");
  }
  std::string const large(50'000, 'x');
  for (int i = 0; i < messages && !tells.broken; ++i) {
    tells.say(R"(42["tell",")" + large + R"("])");
    tells.hear(R"(text 42["told",")");
  }
  for (int i = 0; i < messages && !tells.broken; ++i) late.hear(R"(text 42["told",")");
  late.say(R"(421["echo","hello"])");
  late.hear(R"(text 431["hello"])");
  return !late.broken && !tells.broken;
}

/// Leaves in the middle of everything.
bool vanishes(stage& at) {
  {
    visitor idle(at), asks(at), polled(at), v(at), w(at);
    asks.send(post("/echo", "half").substr(0, 40));
    static_cast<void>(polled.ask(get(socketio + "polling")));
    for (visitor* const each : {&v, &w}) {
      each->upgrade(socketio + "websocket");
      each->hear("text 0{");
      each->say("40");
      each->hear("text 40{");
    }
    if (v.broken || w.broken || polled.broken) return false;
  }
  return at.until([&] { return at.io.host().connections() <= 1; });
}

// --- Those of several shards.

/// Comes to each of two shards with a WebSocket: clients that are told of each other.
struct pair_of_visitors {
  explicit pair_of_visitors(stage& at) : a(at), b(at) {
    for (visitor* const v : {&a, &b}) {
      v->upgrade(socketio + "websocket");
      v->hear("text 0{");
      v->say("40");
      v->hear("text 40{");
    }
  }
  [[nodiscard]] bool broken() const { return a.broken || b.broken; }

  visitor a, b;
};

/// What one says the other hears, though he may miss a word that there was no memory for.
bool tells_other_shards(stage& at) {
  pair_of_visitors v(at);
  if (v.broken()) return false;
  for (auto const& [one, other] : {std::pair(&v.a, &v.b), std::pair(&v.b, &v.a)}) {
    for (int i = 0; i < 2; ++i) {
      one->say(R"(42["tell","news"])");
      one->hear(R"(text 42["told","news"])");
    }
    if (one->broken) return false;  // what he had no memory for to say
    other->hear(R"(text 42["told","news"])");
  }
  return takes_leave(v.a) && takes_leave(v.b);
}

/// Polls two sessions by one connection, which moves.
bool moves_between_shards(stage& at) {
  std::array<std::string, 2> targets;
  for (auto& each : targets) {
    visitor opens(at);
    std::string const sid = sid_in(opens.ask(get(socketio + "polling")));
    if (opens.broken) return false;
    each = socketio + "polling&sid=" + sid;
  }
  visitor v(at);
  for (auto const& each : targets) {
    if (v.ask(post(each, "40")) != "ok" || !v.ask(get(each)).starts_with("40{")) return false;
  }
  for (auto const& each : targets) {
    if (v.ask(post(each, "1")) != "ok") return false;
  }
  return true;
}

// --- What is left after each of them.

void expect_nothing_left(stage& at) {
  EXPECT_TRUE(at.until_stopped());
  for (std::size_t i = 0; i < at.all.size(); ++i) {
    EXPECT_EQ(at.all[i].host().connections(), 0u);
    EXPECT_EQ(at.all[i].engine().size(), 0u);
    EXPECT_EQ(at.all[i].size(), 0u);
    EXPECT_EQ(at.all[i].connections(), 0u);
  }
}

using visit = bool (*)(stage&);

/// Whether the visit may leave a session behind: who polls and goes is missed by his pings alone.
enum class leaves : std::uint8_t { nothing, a_session };

/// Tells a visit until no allocation fails any more. `stride`: not of each.
void expect_survival(visit call, leaves what, std::size_t stride = 1) {
  bool failed = true;
  std::size_t n = 1;
  for (; failed; n += stride) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    stage at;
    std::optional<visitor> other(std::in_place, at);
    other->upgrade(socketio + "websocket");
    other->say("40");
    other->hear("text 40{");
    ASSERT_FALSE(other->broken);
    at.fail_after(n);
    bool const good = call(at);
    failed = at.failed();
    at.spare();
    EXPECT_TRUE(good || failed);
    EXPECT_TRUE(what == leaves::a_session || at.until([&] { return at.io.engine().size() == 1; }));
    EXPECT_TRUE(call(at)) << "the next visit";
    other->say(R"(421["echo","hello"])");
    other->hear(R"(text 431["hello"])");
    EXPECT_TRUE(!other->broken || (good && failed)) << "another client lost its connection";
    EXPECT_FALSE(at.hangs);
    other.reset();
    expect_nothing_left(at);
    if (::testing::Test::HasFailure()) FAIL();
  }
  ::testing::Test::RecordProperty("allocations", static_cast<int>(n));
}

TEST(AllocationFailure, OfRoutes) {
  expect_survival(routes, leaves::nothing);
}

TEST(AllocationFailure, OfPolling) {
  expect_survival(polls, leaves::a_session);
}

TEST(AllocationFailure, OfAWebsocket) {
  expect_survival(opens_a_websocket, leaves::nothing);
}

TEST(AllocationFailure, OfTls) {
  expect_survival(opens_a_websocket_by_tls, leaves::nothing, 3);
}

TEST(AllocationFailure, OfTls_long) {
  expect_survival(opens_a_websocket_by_tls, leaves::nothing);
}

TEST(AllocationFailure, OfAnUpgrade) {
  expect_survival(moves_to_a_websocket, leaves::a_session);
}

TEST(AllocationFailure, OfABroadcast) {
  expect_survival(reads_slowly, leaves::nothing, 3);
}

TEST(AllocationFailure, OfABroadcast_long) {
  expect_survival(reads_slowly, leaves::nothing);
}

TEST(AllocationFailure, OfAnEnd) {
  expect_survival(vanishes, leaves::a_session);
}

/// The same for two shards, of which neither may be deaf for the other afterwards.
void expect_survival_of_shards(visit call, leaves what) {
  bool failed = true;
  std::size_t n = 1;
  for (; failed; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    stage at(2);
    at.fail_after(n);
    bool const good = call(at);
    failed = at.failed();
    at.spare();
    EXPECT_TRUE(good || failed);
    auto const empty = [&] { return at.all[0].engine().size() + at.all[1].engine().size() == 0; };
    EXPECT_TRUE(what == leaves::a_session || at.until(empty));
    EXPECT_TRUE(call(at)) << "the next visit";
    EXPECT_FALSE(at.hangs);
    expect_nothing_left(at);
    if (::testing::Test::HasFailure()) FAIL();
  }
  ::testing::Test::RecordProperty("allocations", static_cast<int>(n));
}

TEST(AllocationFailure, OfTellingOtherShards) {
  expect_survival_of_shards(tells_other_shards, leaves::nothing);
}

TEST(AllocationFailure, OfMovingBetweenShards) {
  expect_survival_of_shards(moves_between_shards, leaves::a_session);
}

TEST(AllocationFailure, OfClosing) {
  bool failed = true;
  for (std::size_t n = 1; failed; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    stage at;
    std::optional<visitor> polled(std::in_place, at), v(std::in_place, at);
    std::string const sid = sid_in(polled->ask(get(socketio + "polling")));
    polled->send(get(socketio + "polling&sid=" + sid));
    v->upgrade(socketio + "websocket");
    v->say("40");
    v->hear("text 40{");
    ASSERT_FALSE(polled->broken || v->broken);
    at.fail_after(n);
    at.attempt([&] { at.io.close(1min); });
    if (at.failed()) at.io.close(1min);  // what it has thrown says that it was not done
    v->ends();
    polled.reset();
    v.reset();
    failed = at.failed();
    at.spare();
    EXPECT_FALSE(at.hangs);
    expect_nothing_left(at);
    if (HasFailure()) FAIL();
  }
}

/// Ends by itself, though a step of it has failed.
TEST(AllocationFailure, OfDraining) {
  bool failed = true;
  for (std::size_t n = 1; failed; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    stage at(2);
    std::optional<pair_of_visitors> v(std::in_place, at);
    ASSERT_FALSE(v->broken());
    at.fail_after(n);
    at.all.drain(20ms, 1min);
    v->a.ends();
    v->b.ends();
    v.reset();
    EXPECT_TRUE(at.until_idle());
    failed = at.failed();
    at.spare();
    EXPECT_FALSE(at.hangs);
    if (HasFailure()) FAIL();
  }
}

}  // namespace net_allocation_failure_test
