#include "siokit/websocket/handshake.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace websocket_handshake_test {

using namespace siokit;
using namespace siokit::websocket;

std::string_view view(auto const& key) {
  return {key.data(), key.size()};
}

// RFC 6455, section 1.3: its key, what is hashed, the hash it states, and the value of the header.
TEST(websocket_handshake, accept_key_of_the_rfc) {
  auto const sha1 = [](std::string_view text) {
    EXPECT_EQ(text, "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    return std::array<unsigned char, 20>{0xB3, 0x7A, 0x4F, 0x2C, 0xC0, 0x62, 0x4F, 0x16, 0x90, 0xF6,
                                         0x46, 0x06, 0xCF, 0x38, 0x59, 0x45, 0xB2, 0xBE, 0xC4, 0xEA};
  };
  EXPECT_EQ(view(accept_key("dGhlIHNhbXBsZSBub25jZQ==", sha1)), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(websocket_handshake, key_of_a_client) {
  // The bytes of section 4.1; the key printed there is wrong (erratum 3150).
  std::array<unsigned char, 16> random;
  for (unsigned char i = 0; i < 16; ++i) random[i] = static_cast<unsigned char>(i + 1);
  EXPECT_EQ(view(make_key(random)), "AQIDBAUGBwgJCgsMDQ4PEA==");
  auto const key = make_key({0xFF, 0xFE, 0xFD});
  EXPECT_TRUE(verify_request({"GET", "websocket", "Upgrade", "13", view(key)}));
}

constexpr handshake_headers good_request{"GET", "websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ=="};

TEST(websocket_handshake, requests_that_pass) {
  EXPECT_TRUE(verify_request(good_request));
  for (std::string_view const connection : {"upgrade", "keep-alive, Upgrade", "keep-alive,UPGRADE",
                                            "\tupgrade ,close", ",, upgrade", "a,b , upgrade\t"}) {
    auto request = good_request;
    request.connection = connection;
    EXPECT_TRUE(verify_request(request)) << connection;
  }
  for (std::string_view const upgrade : {"WebSocket", "h2c, websocket", " websocket "}) {
    auto request = good_request;
    request.upgrade = upgrade;
    EXPECT_TRUE(verify_request(request)) << upgrade;
  }
}

TEST(websocket_handshake, requests_that_fail) {
  struct {
    std::string_view handshake_headers::*field;
    std::vector<std::string_view> values;
  } const cases[] = {
      {&handshake_headers::method, {"", "POST", "get", "HEAD"}},
      {&handshake_headers::upgrade, {"", ",", "websockets", "web socket", "websocket;", "h2c"}},
      {&handshake_headers::connection,
       {"", " ", ",", "keep-alive", "upgrade upgrade", "upgraded", "up,grade"}},
      {&handshake_headers::version, {"", "8", "12", "14", "13, 8", "0x13", "013"}},
      {&handshake_headers::key,
       {"", "==", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZQQ=", "dGhlIHNhbXBsZSBub25jZQQQ",
        "dGhlIHNhbXBsZSBub25j-Q==", "dGhlIHNhbXBsZSBub25j_Q==", "dGhlIHNhbXBsZSBub25j=Q==",
        "dGhlIHNhbXBsZSBub25j Q==", "AAAAAAAAAAAAAAAAAAAAAAAAAA=="}},
  };
  for (auto const& [field, values] : cases) {
    for (std::string_view const value : values) {
      auto request = good_request;
      request.*field = value;
      auto const verdict = verify_request(request);
      ASSERT_FALSE(verdict) << value;
      EXPECT_EQ(verdict.error(), (error{errc::ws_bad_handshake, side::remote}));
    }
  }
}

TEST(websocket_handshake, responses) {
  std::string_view const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  handshake_answer const good{101, "WebSocket", "keep-alive, upgrade", accept, "", ""};
  EXPECT_TRUE(verify_response(good, accept));
  EXPECT_FALSE(verify_response(good, "t3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  for (int const status : {0, 100, 200, 301, 400, 401}) {
    auto answer = good;
    answer.status = static_cast<std::uint16_t>(status);
    EXPECT_FALSE(verify_response(answer, accept)) << status;
  }
  struct {
    std::string_view handshake_answer::*field;
    std::vector<std::string_view> values;
  } const cases[] = {
      {&handshake_answer::upgrade, {"", "h2c", "websocket, h2c"}},
      {&handshake_answer::connection, {"", "close"}},
      {&handshake_answer::accept, {"", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo="}},
      {&handshake_answer::extensions, {"permessage-deflate"}},
      {&handshake_answer::protocol, {"chat"}},
  };
  for (auto const& [field, values] : cases) {
    for (std::string_view const value : values) {
      auto answer = good;
      answer.*field = value;
      auto const verdict = verify_response(answer, accept);
      ASSERT_FALSE(verdict) << value;
      EXPECT_EQ(verdict.error(), (error{errc::ws_bad_handshake, side::remote}));
    }
  }
}

TEST(websocket_handshake, text_of_a_response) {
  std::string out = "x";
  EXPECT_TRUE(append_response(out, "abc="));
  EXPECT_EQ(out,
            "xHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: abc=\r\n\r\n");
  out.clear();
  struct owned {
    std::string name, value;
  };
  EXPECT_TRUE(append_response(out, "abc=", std::vector<owned>{{"Set-Cookie", "a=b"}, {"X-Empty", ""}}));
  EXPECT_EQ(out,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: abc=\r\nSet-Cookie: a=b\r\nX-Empty: \r\n\r\n");
}

TEST(websocket_handshake, text_of_a_request) {
  std::string out;
  header const extra[] = {{"Origin", "http://localhost"}};
  EXPECT_TRUE(append_request(out, "localhost:3000", "/engine.io/?EIO=4&transport=websocket",
                             "key==", std::span<header const>(extra)));
  EXPECT_EQ(out,
            "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost:3000\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: key==\r\nOrigin: http://localhost\r\n\r\n");
}

TEST(websocket_handshake, no_line_is_smuggled_in) {
  std::string out = "kept";
  error const refused{errc::invalid_argument, side::local};
  for (std::string_view const bad : {std::string_view("a\r\nb: c"), std::string_view("a\n"),
                                     std::string_view("\r"), std::string_view("a\0b", 3)}) {
    for (header const line : {header{"Name", bad}, header{bad, "value"}}) {
      header const extra[] = {{"First", "1"}, line};
      std::span<header const> const headers(extra);
      EXPECT_EQ(append_response(out, "abc=", headers), tl::unexpected(refused));
      EXPECT_EQ(append_request(out, "host", "/", "key", headers), tl::unexpected(refused));
    }
    EXPECT_EQ(append_request(out, bad, "/", "key"), tl::unexpected(refused));
    EXPECT_EQ(append_request(out, "host", bad, "key"), tl::unexpected(refused));
  }
  for (std::string_view const bad_name : {"", "Na me", "Name:", "N\xc3\xa4me"}) {
    header const extra[] = {{bad_name, "value"}};
    EXPECT_EQ(append_response(out, "abc=", std::span<header const>(extra)), tl::unexpected(refused))
        << bad_name;
  }
  EXPECT_EQ(append_request(out, "host", "", "key"), tl::unexpected(refused));
  EXPECT_EQ(append_request(out, "host", "/ HTTP/1.1", "key"), tl::unexpected(refused));
  EXPECT_EQ(out, "kept");
}

// --- The text of a request

constexpr std::string_view request_text =
    "GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: example.org:80\r\nUPGRADE:\twebsocket \r\n"
    "Connection: keep-alive, Upgrade\r\nsec-websocket-version: 13\r\nX-Empty:\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

TEST(websocket_handshake, reads_the_text_of_a_request) {
  auto const in = read_request(request_text);
  ASSERT_TRUE(in);
  EXPECT_EQ(in->target, "/socket.io/?EIO=4");
  EXPECT_EQ(in->key, "dGhlIHNhbXBsZSBub25jZQ==");
  ASSERT_EQ(in->headers.size(), 6u);
  EXPECT_EQ(in->headers[0].name, "Host");
  EXPECT_EQ(in->headers[0].value, "example.org:80");
  EXPECT_EQ(in->headers[1].value, "websocket");
  EXPECT_EQ(in->headers[4].value, "");
}

TEST(websocket_handshake, reads_a_request_whole_or_not_at_all) {
  for (std::size_t size = 0; size < request_text.size(); ++size) {
    std::string const part(request_text.substr(0, size));
    EXPECT_FALSE(read_request(part)) << size;
  }
  EXPECT_FALSE(read_request(std::string(request_text) + "x"));
}

TEST(websocket_handshake, refuses_texts_that_are_no_request) {
  struct {
    std::string_view what, instead;
  } const cases[] = {
      {"GET ", "POST "},
      {"GET ", "GET"},
      {"GET ", " "},
      {"/socket.io/?EIO=4", ""},
      {"/socket.io/?EIO=4", "/a b"},
      {"/socket.io/?EIO=4", "/a\r"},
      {"/socket.io/?EIO=4", "/a\n"},
      {" HTTP/1.1\r\n", " HTTP/1.0\r\n"},
      {" HTTP/1.1\r\n", " HTTP/1.1\n"},
      {" HTTP/1.1\r\n", "\r\n"},
      {"Host: ", ": "},
      {"Host: ", "Host : "},
      {"Host: example.org:80", "Host"},
      {"Host: ", " Host: "},
      {"example.org", "a\rb"},
      {"example.org", "a\nb"},
      {"example.org", std::string_view("a\0b", 3)},
      {"Host: ", "Upgrade: websocket\r\nHost: "},
      {"Host: ", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost: "},
      {"X-Empty:", ""},
      {"websocket ", "h2c"},
      {"13", "8"},
      {"==", "="},
  };
  for (auto const& [what, instead] : cases) {
    std::string text(request_text);
    text.replace(text.find(what), what.size(), instead);
    auto const in = read_request(text);
    ASSERT_FALSE(in) << text;
    EXPECT_EQ(in.error().code, errc::ws_bad_handshake);
    EXPECT_EQ(in.error().blame, side::remote);
  }
}

}  // namespace websocket_handshake_test
