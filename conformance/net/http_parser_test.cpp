#include "siokit/net/http_parser.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace net_http_parser_test {

using namespace siokit;
using net::http_head;
using net::http_limits;
using net::http_parser;
using kind = http_parser::step::kind;
using namespace std::string_literals;

std::string describe(http_head const& head) {
  std::string out(head.method);
  if (!head.method.empty()) out += ' ';
  out += head.status != 0 ? std::to_string(head.status) : std::string(head.target);
  out += " 1." + std::to_string(head.minor_version);
  if (head.keep_alive) out += " keep";
  if (head.has_body) out += " body";
  if (head.content_length) out += " length=" + std::to_string(*head.content_length);
  if (head.expects_continue) out += " expects";
  if (head.upgrade) out += " upgrade";
  for (header const& field : head.headers) {
    out.append(" [").append(field.name).append("=").append(field.value).append("]");
  }
  return out + "\n";
}

/// Feeds bytes from memory of their own and writes down what comes of it. Pieces of a body become one.
struct feeder {
  http_parser parser;
  std::string log;
  bool in_body = false;
  bool upgraded = false;

  explicit feeder(http_limits limits = {}, llhttp_type_t type = HTTP_REQUEST) : parser(limits, type) {}

  void note(http_parser::step const& step) {
    if (step.type == kind::body) {
      EXPECT_FALSE(step.body.empty());
      if (!in_body) log += "body ";
      log += step.body;
      in_body = true;
      return;
    }
    if (std::exchange(in_body, false)) log += '\n';
    if (step.type == kind::head) log += describe(parser.head());
    if (step.type == kind::complete) log += "complete\n";
    if (step.type == kind::complete && parser.head().upgrade) upgraded = true;
  }

  void fail(error const& failure) {
    if (std::exchange(in_body, false)) log += '\n';
    EXPECT_EQ(failure.blame, side::remote);
    log += "error " + std::to_string(parser.status()) + "\n";
  }

  /// False once nothing more is to be fed.
  bool feed(std::string_view bytes) {
    auto const copy = std::make_unique<char[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    std::span<char const> input;  // nothing has come: so a connection is resumed
    auto const nothing = parser.next(input);
    EXPECT_TRUE(nothing && nothing->type == kind::need_more);
    input = {copy.get(), bytes.size()};
    for (;;) {
      auto const step = parser.next(input);
      if (!step) {
        fail(step.error());
        auto const again = parser.next(input);
        EXPECT_TRUE(!again && again.error() == step.error());
        return false;
      }
      if (step->type == kind::need_more) {
        EXPECT_TRUE(input.empty());
        return true;
      }
      note(*step);
      if (upgraded) {
        log.append("left ").append(input.data(), input.size());
        return false;
      }
    }
  }
};

std::string run(std::string_view input, std::size_t piece, http_limits limits = {},
                llhttp_type_t type = HTTP_REQUEST, bool closed = false) {
  feeder f(limits, type);
  for (; !input.empty(); input.remove_prefix(std::min(piece, input.size()))) {
    if (!f.feed(input.substr(0, piece))) {
      // What WebSocket bytes are left depends on how much was read.
      if (f.upgraded) f.log.append(input.substr(std::min(piece, input.size()))).append("\n");
      return f.log;
    }
  }
  if (closed) {
    auto const end = f.parser.finish();
    if (!end) f.fail(end.error());
    if (end && end->type != kind::need_more) f.note(*end);
  }
  if (f.in_body) f.log += '\n';
  return f.log;
}

/// The log of `input`, which must be the same in whatever pieces it comes.
std::string parse(std::string_view input, http_limits limits = {}, llhttp_type_t type = HTTP_REQUEST,
                  bool closed = false) {
  std::string const whole = run(input, input.size(), limits, type, closed);
  for (std::size_t const piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
    EXPECT_EQ(run(input, piece, limits, type, closed), whole) << "in pieces of " << piece;
  }
  return whole;
}

std::string parse_response(std::string_view input, bool closed) {
  return parse(input, {}, HTTP_RESPONSE, closed);
}

// --- Requests

TEST(http_parser, reads_a_request) {
  EXPECT_EQ(parse("GET /a?b=c HTTP/1.1\r\nHost: x:1\r\nX-Empty:\r\nx-trim: \t a b\t \r\n\r\n"),
            "GET /a?b=c 1.1 keep [Host=x:1] [X-Empty=] [x-trim=a b]\ncomplete\n");
}

TEST(http_parser, finds_headers_without_regard_to_case) {
  feeder f;
  f.feed("GET / HTTP/1.1\r\nHOST: x\r\nA: first\r\na: second\r\n\r\n");
  http_head const& head = f.parser.head();
  EXPECT_EQ(head.find("host"), "x");
  EXPECT_EQ(head.find("A"), "first");
  EXPECT_EQ(head.find("b"), std::nullopt);
  EXPECT_EQ(head.headers.size(), 3u);
}

TEST(http_parser, keeps_the_head_until_the_next_message_begins) {
  http_parser parser;
  std::string bytes = "GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\n";
  std::span<char const> input(bytes);
  EXPECT_EQ(parser.next(input)->type, kind::head);
  EXPECT_EQ(parser.next(input)->type, kind::complete);
  std::span<char const> none;
  EXPECT_EQ(parser.next(none)->type, kind::need_more);
  std::fill(bytes.begin(), bytes.begin() + 29, '?');
  EXPECT_EQ(parser.head().target, "/one");
  EXPECT_EQ(parser.head().find("host"), "x");
  EXPECT_EQ(std::string_view(input.data(), input.size()), "GET /two HTTP/1.1\r\n");
}

TEST(http_parser, gives_bodies_as_views_of_the_input) {
  std::string const bytes =
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n";
  http_parser parser;
  std::span<char const> input(bytes);
  for (auto const expected : {"hello", "world"}) {
    EXPECT_EQ(parser.next(input)->type, kind::head);
    auto const step = parser.next(input);
    EXPECT_EQ(step->body, expected);
    EXPECT_EQ(step->body.data(), bytes.data() + bytes.find(expected));
    EXPECT_EQ(parser.next(input)->type, kind::complete);
  }
}

TEST(http_parser, reads_pipelined_requests) {
  std::string const get = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n";
  std::string const post = "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nGET ";
  std::string const chunked =
      "POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3\r\nabc\r\nA\r\n0123456789\r\n00\r\n\r\n";
  EXPECT_EQ(parse(get + post + chunked + get + "\r\n\r\n" + get + "GET"),
            "GET /1 1.1 keep [Host=x]\ncomplete\n"
            "POST /2 1.1 keep body length=4 [Host=x] [Content-Length=4]\nbody GET \ncomplete\n"
            "POST /3 1.1 keep body [Host=x] [Transfer-Encoding=Chunked]\nbody abc0123456789\ncomplete\n"
            "GET /1 1.1 keep [Host=x]\ncomplete\n"
            "GET /1 1.1 keep [Host=x]\ncomplete\n");
}

TEST(http_parser, leaves_a_pipelined_request_alone) {
  std::string const bytes = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n";
  http_parser parser;
  std::span<char const> input(bytes);
  EXPECT_EQ(parser.next(input)->type, kind::head);
  EXPECT_EQ(parser.next(input)->type, kind::complete);
  EXPECT_EQ(input.size(), bytes.size() / 2);
}

TEST(http_parser, knows_whether_the_connection_goes_on) {
  struct {
    char const* version;
    char const* connection;
    bool keep;
  } const cases[] = {
      {"1.1", "", true},
      {"1.1", "Connection: keep-alive\r\n", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: Foo, CLOSE\r\n", false},
      {"1.1", "Connection: closed\r\n", true},
      {"1.0", "", false},
      {"1.0", "Connection: Keep-Alive\r\n", true},
      {"1.0", "Connection: close\r\n", false},
  };
  for (auto const& c : cases) {
    feeder f;
    f.feed("GET / HTTP/"s + c.version + "\r\nHost: x\r\n" + c.connection + "\r\n");
    EXPECT_EQ(f.parser.head().keep_alive, c.keep) << c.version << ' ' << c.connection;
  }
}

TEST(http_parser, drops_what_follows_the_last_request) {
  EXPECT_EQ(parse("GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.1\r\n"), "GET / 1.0\ncomplete\n");
  EXPECT_EQ(parse("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\na\x01\x02"),
            "POST / 1.1 body length=1 [Host=x] [Connection=close] [Content-Length=1]\nbody a\ncomplete\n");
}

TEST(http_parser, knows_who_waits_for_100) {
  std::string const post = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n";
  EXPECT_EQ(parse(post + "Content-Length: 1\r\n\r\n"),
            "POST / 1.1 keep body length=1 expects [Host=x] [Expect=100-Continue] [Content-Length=1]\n");
  EXPECT_EQ(parse(post + "\r\n"), "POST / 1.1 keep [Host=x] [Expect=100-Continue]\ncomplete\n");
  EXPECT_EQ(parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
            "POST / 1.0 body length=1 [Expect=100-continue] [Content-Length=1]\n");
  EXPECT_EQ(parse("POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n"), "error 417\n");
}

TEST(http_parser, leaves_the_bytes_of_a_websocket_alone) {
  std::string const get =
      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
  EXPECT_EQ(parse(get + "\x81\x80\r\n\r\n"),
            "GET /ws 1.1 keep upgrade [Host=x] [Connection=keep-alive, Upgrade] [Upgrade=WebSocket]\n"
            "complete\nleft \x81\x80\r\n\r\n\n");
}

TEST(http_parser, goes_on_with_http_when_an_upgrade_is_refused) {
  http_parser parser;
  std::string const get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  std::string const bytes = get + get;
  std::span<char const> input(bytes);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(parser.next(input)->type, kind::head);
    EXPECT_TRUE(parser.head().upgrade);
    EXPECT_EQ(parser.next(input)->type, kind::complete);
  }
}

TEST(http_parser, takes_other_upgrades_for_ordinary_requests) {
  // As curl --http2 sends it, and a handshake that no WebSocket client sends.
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
                  "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n"),
            "GET / 1.1 keep [Host=x] [Connection=Upgrade, HTTP2-Settings] [Upgrade=h2c]\ncomplete\n"
            "GET /2 1.1 keep [Host=x]\ncomplete\n");
  EXPECT_EQ(
      parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Content-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"),
      "GET / 1.1 keep body length=2 [Host=x] [Connection=Upgrade] [Upgrade=websocket] [Content-Length=2]\n"
      "body ab\ncomplete\nGET /2 1.1 keep [Host=x]\ncomplete\n");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"),
            "GET / 1.1 keep [Host=x] [Upgrade=websocket]\ncomplete\n");
  EXPECT_EQ(parse("POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
            "POST / 1.1 keep [Host=x] [Connection=Upgrade] [Upgrade=websocket]\ncomplete\n");
}

TEST(http_parser, drops_extensions_and_trailers) {
  EXPECT_EQ(parse("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2;a\r\nab\r\n0;b\r\nX-Sum: 1\r\nY: 2\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"),
            "POST / 1.1 keep body [Host=x] [Transfer-Encoding=chunked]\nbody ab\ncomplete\n"
            "GET /2 1.1 keep [Host=x]\ncomplete\n");
}

// --- What is refused

TEST(http_parser, refuses_what_requests_are_smuggled_with) {
  std::string const chunked = "Transfer-Encoding: chunked\r\n";
  struct {
    char const* what;
    std::string headers_and_body;
    int status;
  } const cases[] = {
      {"length and coding", "Content-Length: 5\r\n" + chunked + "\r\n0\r\n\r\n", 400},
      {"coding and length", chunked + "Content-Length: 5\r\n\r\n0\r\n\r\n", 400},
      {"two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
      {"twice one length", "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
      {"a list of lengths", "Content-Length: 5, 5\r\n\r\nhello", 400},
      {"a signed length", "Content-Length: +5\r\n\r\nhello", 400},
      {"a negative length", "Content-Length: -5\r\n\r\nhello", 400},
      {"a hexadecimal length", "Content-Length: 0x5\r\n\r\nhello", 400},
      {"a fraction", "Content-Length: 5.0\r\n\r\nhello", 400},
      {"two numbers", "Content-Length: 5 5\r\n\r\nhello", 400},
      {"no length", "Content-Length:\r\n\r\nhello", 400},
      {"a length above 2^64", "Content-Length: 18446744073709551616\r\n\r\n", 400},
      {"space before the colon", "Content-Length : 5\r\n\r\nhello", 400},
      {"tab before the colon", "Content-Length\t: 5\r\n\r\nhello", 400},
      {"two codings", chunked + chunked + "\r\n0\r\n\r\n", 400},
      {"a coding behind chunked", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400},
      {"a coding before chunked", "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"not quite chunked", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
      {"quoted chunked", "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400},
      {"vertical tab", "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400},
      {"identity", "Transfer-Encoding: identity\r\n\r\n", 400},
      {"an empty coding", "Transfer-Encoding:\r\n\r\n", 501},
      {"a continued coding", "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
      {"a continued line", "A: b\r\n c\r\n\r\n", 400},
      {"a line continued by a tab", "A: b\r\n\tc\r\n\r\n", 400},
      {"bare LF", "A: b\nC: d\r\n\r\n", 400},
      {"bare LF at the end", "A: b\r\n\n", 400},
      {"bare CR", "A: b\rC: d\r\n\r\n", 400},
      {"CR before CRLF", "A: b\r\r\n\r\n", 400},
      {"NUL", "A: b\0c\r\n\r\n"s, 400},
      {"DEL", "A: b\x7f\r\n\r\n", 400},
      {"space in a name", "A b: c\r\n\r\n", 400},
      {"an empty name", ": c\r\n\r\n", 400},
      {"no colon", "Abc\r\n\r\n", 400},
      {"a byte above ASCII in a name", "A\xe9: b\r\n\r\n", 400},
      {"a second host", "Host: y\r\n\r\n", 400},
  };
  for (auto const& c : cases) {
    EXPECT_EQ(parse("POST / HTTP/1.1\r\nHost: x\r\n" + c.headers_and_body),
              "error " + std::to_string(c.status) + "\n")
        << c.what;
  }
}

TEST(http_parser, refuses_wrong_chunks) {
  std::string const head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string const begun = "POST / 1.1 keep body [Host=x] [Transfer-Encoding=chunked]\n";
  struct {
    char const* chunks;
    char const* log;
  } const cases[] = {
      {"x", "error 400\n"},
      {" 3\r\nabc\r\n", "error 400\n"},
      {"3 \r\nabc\r\n", "error 400\n"},
      {"+3\r\nabc\r\n", "error 400\n"},
      {"-3\r\nabc\r\n", "error 400\n"},
      {"0x3\r\nabc\r\n", "error 400\n"},
      {"3\nabc\r\n", "error 400\n"},
      {"3\rabc\r\n", "error 400\n"},
      {"\r\n3\r\nabc\r\n", "error 400\n"},
      {"fffffffffffffffff\r\n", "error 400\n"},
      {"3\r\nabcd\r\n", "body abc\nerror 400\n"},
      {"3\r\nabcXX0\r\n\r\n", "body abc\nerror 400\n"},
      {"3\r\nabc\n0\r\n\r\n", "body abc\nerror 400\n"},
      {"3\r\nabc\r0\r\n\r\n", "body abc\nerror 400\n"},
      {"3\r\nabc\r\n\r\n0\r\n\r\n", "body abc\nerror 400\n"},
      {"3;a\nb\r\nabc\r\n", "error 400\n"},
      {"3;a\rb\r\nabc\r\n", "error 400\n"},
      {"0\r\nA: b\n\r\n", "error 400\n"},
      {"0\r\nA: b\r\n c\r\n\r\n", "error 400\n"},
      {"0\r\n A: b\r\n\r\n", "error 400\n"},
  };
  for (auto const& c : cases) EXPECT_EQ(parse(head + c.chunks), begun + c.log) << c.chunks;
}

TEST(http_parser, refuses_wrong_first_lines) {
  struct {
    std::string_view line;
    int status;
  } const cases[] = {
      {"\x16\x03\x01\x02", 400},  // TLS where none is spoken
      {" GET / HTTP/1.1\r\n", 400},
      {"get / HTTP/1.1\r\n", 400},
      {"MAKEUP / HTTP/1.1\r\n", 400},
      {"GET /\r\n", 400},
      {"GET HTTP/1.1\r\n", 400},
      {"GET  / HTTP/1.1\r\n", 400},
      {"GET /  HTTP/1.1\r\n", 400},
      {"GET / HTTP/1.1 \r\n", 505},
      {"GET /a b HTTP/1.1\r\n", 400},
      {"GET /\t HTTP/1.1\r\n", 400},
      {"GET /\xe9 HTTP/1.1\r\n", 400},
      {"GET / http/1.1\r\n", 400},
      {"GET / HTTP/0.9\r\n", 505},
      {"GET / HTTP/1.2\r\n", 505},
      {"GET / HTTP/2.0\r\n", 505},
      {"GET / HTTP/9.9\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n", 400},
      {"GET / RTSP/1.0\r\n", 400},
      {"DESCRIBE / RTSP/1.0\r\n", 400},
      {"SOURCE / ICE/1.0\r\n", 400},
      {"CONNECT x:1 HTTP/1.1\r\n", 400},
  };
  for (auto const& c : cases) {
    EXPECT_EQ(parse(std::string(c.line) + "Host: x\r\n\r\n"), "error " + std::to_string(c.status) + "\n")
        << c.line;
  }
}

TEST(http_parser, wants_one_host_in_1_1) {
  EXPECT_EQ(parse("GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"), "error 400\n");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\n\r\n"), "error 400\n");
  EXPECT_EQ(parse("GET / HTTP/1.0\r\n\r\n"), "GET / 1.0\ncomplete\n");
}

TEST(http_parser, wants_no_coding_in_1_0) {
  EXPECT_EQ(parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "error 400\n");
}

// --- Limits

TEST(http_parser, limits_the_request_line) {
  http_limits const limits{.request_line_bytes_max = 20, .head_bytes_max = 100};
  EXPECT_EQ(parse("GET /1234 HTTP/1.1\r\nHost: x\r\n\r\n", limits),
            "GET /1234 1.1 keep [Host=x]\ncomplete\n");
  EXPECT_EQ(parse("GET /12345 HTTP/1.1\r\nHost: x\r\n\r\n", limits), "error 414\n");
  EXPECT_EQ(parse("GET /" + std::string(8192, 'a')), "error 414\n");
}

TEST(http_parser, limits_the_head) {
  http_limits const limits{.head_bytes_max = 38};
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: x\r\nA: 123456\r\n\r\n", limits),
            "GET / 1.1 keep [Host=x] [A=123456]\ncomplete\n");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: x\r\nA: 1234567\r\n\r\n", limits), "error 431\n");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(16384, 'a')), "error 431\n");
}

TEST(http_parser, sees_every_byte_wherever_it_stands) {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t before = 0; before < 10; ++before) {
      std::string const text = std::string(before, 'x') + static_cast<char>(byte) + "12345678";
      std::string const in_value = "GET / HTTP/1.1\r\nHost: x\r\nA: " + text + "\r\n\r\n";
      EXPECT_EQ(run(in_value, in_value.size()), run(in_value, 1)) << before << ' ' << byte;
      std::string const in_target = "GET /" + text + " HTTP/1.1\r\nHost: x\r\n\r\n";
      std::string const said = run(in_target, in_target.size());
      EXPECT_EQ(said, run(in_target, 1)) << before << ' ' << byte;
      EXPECT_EQ(said.starts_with("error"), byte <= ' ' || byte > '~') << before << ' ' << byte;
    }
  }
}

TEST(http_parser, limits_the_number_of_headers) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 99; ++i) bytes += "A:\r\n";
  feeder f;
  EXPECT_TRUE(f.feed(bytes + "\r\n"));
  EXPECT_EQ(f.parser.head().headers.size(), 100u);
  EXPECT_EQ(parse(bytes + "A:\r\n\r\n"), "error 431\n");
}

TEST(http_parser, says_which_limit_it_was) {
  for (auto const& [bytes, code] : {std::pair{"GET /12345678901234567890", errc::header_too_large},
                                    {"GET / HTTP/1.1\r\nA: 678901234567", errc::header_too_large},
                                    {"GET /\n", errc::bad_request}}) {
    http_parser parser({.request_line_bytes_max = 20, .head_bytes_max = 30});
    std::string_view const view(bytes);
    std::span<char const> input(view);
    EXPECT_EQ(parser.next(input).error().code, code) << bytes;
  }
}

TEST(http_parser, limits_what_is_between_the_content_of_chunks) {
  http_limits const limits{.head_bytes_max = 80};
  std::string const head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string const begun = "POST / 1.1 keep body [Host=x] [Transfer-Encoding=chunked]\n";
  std::string const chunk = "1;" + std::string(70, 'e') + "\r\na\r\n";
  std::string const long_chunk = "1;" + std::string(80, 'e') + "\r\na\r\n";
  EXPECT_EQ(parse(head + chunk + chunk + "0\r\n\r\n", limits), begun + "body aa\ncomplete\n");
  EXPECT_EQ(parse(head + chunk + long_chunk, limits), begun + "body a\nerror 413\n");
  EXPECT_EQ(parse(head + "1\r\na\r\n0\r\nA: " + std::string(80, 't'), limits), begun + "body a\nerror 413\n");
}

// --- Responses

TEST(http_parser, reads_responses) {
  EXPECT_EQ(parse_response("HTTP/1.1 100 Continue\r\n\r\n"
                           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
                           "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n"
                           "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"
                           "HTTP/1.1 304 Not Modified\r\n\r\n",
                           true),
            "100 1.1 keep\ncomplete\n"
            "200 1.1 keep body length=2 [Content-Length=2]\nbody ab\ncomplete\n"
            "200 1.1 keep body [Transfer-Encoding=chunked]\nbody c\ncomplete\n"
            "204 1.1 keep length=5 [Content-Length=5]\ncomplete\n"
            "304 1.1 keep\ncomplete\n");
}

TEST(http_parser, reads_a_response_to_the_end_of_the_connection) {
  EXPECT_EQ(parse_response("HTTP/1.1 502 Bad Gateway\r\n\r\nsorry\r\n", true),
            "502 1.1 body\nbody sorry\r\n\ncomplete\n");
  EXPECT_EQ(parse_response("HTTP/1.0 200 OK\r\n\r\n", true), "200 1.0 body\ncomplete\n");
}

TEST(http_parser, reads_the_answer_to_an_upgrade) {
  EXPECT_EQ(
      parse_response("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                     "\x81\x02hi",
                     false),
      "101 1.1 keep upgrade [Connection=Upgrade] [Upgrade=websocket]\ncomplete\nleft \x81\x02hi\n");
}

TEST(http_parser, knows_a_message_that_was_cut) {
  std::string const response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
  EXPECT_EQ(parse_response("", true), "");
  EXPECT_EQ(parse_response(response.substr(0, 20), true), "error 400\n");
  EXPECT_EQ(parse_response(response, true), "200 1.1 keep body length=2 [Content-Length=2]\nerror 400\n");
  EXPECT_EQ(parse_response(response + "a", true),
            "200 1.1 keep body length=2 [Content-Length=2]\nbody a\nerror 400\n");
}

}  // namespace net_http_parser_test
