// What a client is made of: URLs, cookies, options.
#include <gtest/gtest.h>

#include "siokit/net/client_options.hpp"
#include "siokit/net/cookie_jar.hpp"

namespace net_client_parts_test {

using namespace siokit;
using namespace siokit::net;
using namespace std::chrono_literals;

TEST(Url, HasParts) {
  auto const all = parse_url("wss://user:pw@Example.org:8443/chat/x?a=1&b=2#top");
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->secure);
  EXPECT_EQ(all->host, "Example.org");
  EXPECT_EQ(all->port, 8443);
  EXPECT_EQ(all->path, "/chat/x");
  EXPECT_EQ(all->query, "a=1&b=2");
  EXPECT_EQ(all->user_info, "user:pw");
  EXPECT_EQ(all->authority(), "Example.org:8443");
}

TEST(Url, HasDefaults) {
  for (auto const& [text, port, secure, authority] : {std::tuple{"http://a", 80, false, "a"},
                                                      {"https://a", 443, true, "a"},
                                                      {"ws://a/", 80, false, "a"},
                                                      {"WSS://a?x", 443, true, "a"},
                                                      {"a:81", 81, false, "a:81"},
                                                      {"http://[::1]", 80, false, "[::1]"},
                                                      {"https://[::1]:3000/n", 3000, true, "[::1]:3000"},
                                                      {"a:81/x?u=http://b", 81, false, "a:81"},
                                                      {"https://a:80", 80, true, "a:80"}}) {
    auto const parsed = parse_url(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->port, port) << text;
    EXPECT_EQ(parsed->secure, secure) << text;
    EXPECT_EQ(parsed->authority(), authority) << text;
    EXPECT_TRUE(parsed->path.starts_with('/')) << text;
  }
  EXPECT_EQ(parse_url("http://[::1]")->host, "::1") << "as the resolver wants it";
}

TEST(Url, IsRefusedWithAReason) {
  for (auto const& [text, reason] : {std::pair{"ftp://a", "scheme"},
                                     {"http://", "host"},
                                     {"http://a:0", "port"},
                                     {"http://a:65536", "port"},
                                     {"http://a:x", "port"},
                                     {"http://a:", "port"},
                                     {"http://[::1", "]"},
                                     {"http://[[a]", "bracket"},
                                     {"http://a]b", "bracket"},
                                     {"http://a b", "blanks"},
                                     {"http://a/\r\nX: y", "blanks"},
                                     {"http://\xC3\xA4", "percent"},
                                     {"", "host"},
                                     {"http://[::1]x", "port"}}) {
    auto const parsed = parse_url(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().find(reason), std::string::npos) << parsed.error();
  }
}

TEST(CookieJar, KeepsAndForgets) {
  cookie_jar jar;
  time_point now(1h);
  std::int64_t const unix_now = 1'000'000'000;  // 2001-09-09T01:46:40Z
  EXPECT_EQ(jar.header(now), "");
  jar.keep("io=abc; Path=/; HttpOnly; SameSite=Lax", now, unix_now);
  jar.keep("lb = 1 ", now, unix_now);
  EXPECT_EQ(jar.header(now), "io=abc; lb=1");
  jar.keep("io=def", now, unix_now);
  EXPECT_EQ(jar.header(now), "lb=1; io=def");
  jar.keep("lb=2; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", now, unix_now);
  EXPECT_EQ(jar.header(now + 9s), "io=def; lb=2") << "Max-Age counts more";
  EXPECT_EQ(jar.header(now + 10s), "io=def");
  jar.keep("io=; expires=Thu, 01 Jan 1970 00:00:00 GMT", now, unix_now);
  EXPECT_EQ(jar.header(now), "lb=2");
  jar.keep("lb=x; max-age=0", now, unix_now);
  EXPECT_EQ(jar.header(now), "");
  jar.keep("late=1; Expires=Sun, 09-Sep-2001 01:46:50 GMT", now, unix_now);
  EXPECT_EQ(jar.header(now + 9s), "late=1");
  EXPECT_EQ(jar.header(now + 10s), "");
  for (auto const nonsense :
       {"", ";", "=x", "no value", "a; b=c", "x=1; Max-Age=; Expires=Sun, 99 Foo 2001 aa:bb:cc GMT"}) {
    jar.keep(nonsense, now, unix_now);
  }
  EXPECT_EQ(jar.header(now), "late=1; x=1");
}

TEST(CookieJar, IsBounded) {
  cookie_jar jar;
  for (int i = 0; i < 1000; ++i) jar.keep("c" + std::to_string(i) + "=1", {}, 0);
  jar.keep("long=" + std::string(10'000, 'x'), {}, 0);
  auto const all = jar.header({});
  EXPECT_EQ(static_cast<std::size_t>(std::count(all.begin(), all.end(), '=')), cookie_jar::cookies_max);
}

TEST(ClientOptions, AreCheckedByName) {
  auto const refused = [](client_options const& options) {
    auto const made = options.config(*parse_url("http://a"));
    return made ? std::string() : made.error().substr(0, made.error().find(':'));
  };
  EXPECT_EQ(refused({}), "");
  EXPECT_EQ(refused({.auth = "[1]"}), "auth");
  EXPECT_EQ(refused({.auth = "{"}), "auth");
  EXPECT_EQ(refused({.path = "x"}), "path");
  EXPECT_EQ(refused({.extra_headers = {{"a", "b\r\nc: d"}}}), "extra_headers");
  EXPECT_EQ(refused({.transports = {}}), "transports");
  EXPECT_EQ(refused({.randomization_factor = 2}), "randomization_factor");
  EXPECT_EQ(refused({.retries = 1}), "retries");
  EXPECT_EQ(refused({.tls_cert = "only"}), "tls_cert, tls_key");
  EXPECT_EQ(client_options{.tls_ca = "/nonexistent"}.make_tls().error().substr(0, 20),
            "tls_ca: /nonexistent");
}

TEST(ClientOptions, JoinTheQueries) {
  client_options const options{.path = "/io", .query = {{"a b", "c&d"}, {"e", ""}}};
  auto const made = options.config(*parse_url("http://a/?x=1"));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->engine.query, "x=1&a%20b=c%26d&e=");
  EXPECT_EQ(made->engine.path, "/io/");
}

}  // namespace net_client_parts_test
