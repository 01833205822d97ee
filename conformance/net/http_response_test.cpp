#include "siokit/net/http_response.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace net_http_response_test {

using namespace siokit;
using net::append_response_head;

std::string head(unsigned status, std::vector<header> const& fields, std::size_t length, bool keep_alive,
                 int minor_version) {
  std::string out;
  EXPECT_TRUE(append_response_head(out, status, fields, length, keep_alive, minor_version));
  return out;
}

TEST(http_response, says_whether_the_connection_goes_on) {
  EXPECT_EQ(head(200, {{"A", "b"}}, 5, true, 1), "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(head(200, {}, 0, false, 1), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(head(200, {}, 0, true, 0),
            "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(head(200, {}, 0, false, 0), head(200, {}, 0, false, 1));
}

TEST(http_response, leaves_connection_to_who_names_it) {
  EXPECT_EQ(head(101, {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}, 0, true, 1),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  EXPECT_EQ(head(200, {{"connection", "x"}}, 0, false, 1),
            "HTTP/1.1 200 OK\r\nconnection: x\r\nContent-Length: 0\r\n\r\n");
}

TEST(http_response, announces_no_body_where_none_may_be) {
  EXPECT_EQ(head(100, {}, 0, true, 1), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(head(204, {}, 0, true, 1), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(head(304, {}, 0, false, 1), "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
}

TEST(http_response, takes_a_status_without_phrase) {
  EXPECT_EQ(head(299, {}, 0, true, 1), "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(net::reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(net::reason_phrase(0), "");
}

TEST(http_response, refuses_what_would_leave_its_line) {
  using namespace std::string_view_literals;
  header const refused[] = {
      {"A", "b\r\nSet-Cookie: c"},
      {"A", "b\n"},
      {"A", "b\r"},
      {"A", "b\0c"sv},
      {"A", "\x1b[0m"},
      {"A", "\x7f"},
      {"A\r\nB", "c"},
      {"A:", "b"},
      {"A B", "c"},
      {"", "b"},
      {"A\xe9", "b"},
      {"content-length", "5"},
      {"Transfer-encoding", "chunked"},
  };
  for (header const& field : refused) {
    std::string out = "before";
    std::vector<header> const fields = {{"Fine", "yes"}, field};
    auto const made = append_response_head(out, 200, fields, 0, true, 1);
    ASSERT_FALSE(made) << field.name << ": " << field.value;
    EXPECT_EQ(made.error(), (error{errc::invalid_argument, side::local, 1}));
    EXPECT_EQ(out, "before");
  }
  for (unsigned const status : {0u, 99u, 1000u}) {
    std::string out;
    EXPECT_FALSE(append_response_head(out, status, {}, 0, true, 1));
    EXPECT_EQ(out, "");
  }
}

TEST(http_response, takes_tabs_and_bytes_above_ascii) {
  EXPECT_EQ(head(204, {{"A-1_~", "b\tc \xc3\xa9"}}, 0, true, 1),
            "HTTP/1.1 204 No Content\r\nA-1_~: b\tc \xc3\xa9\r\n\r\n");
}

TEST(http_response, writes_the_date) {
  struct {
    long long at;
    char const* text;
  } const cases[] = {
      {784'111'777, "Sun, 06 Nov 1994 08:49:37 GMT"},
      {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
      {951'868'799, "Tue, 29 Feb 2000 23:59:59 GMT"},
      {4'102'444'800, "Fri, 01 Jan 2100 00:00:00 GMT"},
  };
  for (auto const& [at, text] : cases) {
    std::string out = "Date: ";
    net::append_http_date(out, std::chrono::sys_seconds(std::chrono::seconds(at)));
    EXPECT_EQ(out, std::string("Date: ") + text);
  }
}

}  // namespace net_http_response_test
