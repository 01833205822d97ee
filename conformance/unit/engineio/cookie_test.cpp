#include "siokit/engineio/cookie.hpp"

#include <gtest/gtest.h>

namespace engineio_cookie_test {

using namespace siokit::engineio;

TEST(engineio_cookie, official_forms) {
  EXPECT_EQ(encode_cookie({}, "abc-_1"), "io=abc-_1; Path=/; HttpOnly; SameSite=Lax");
  EXPECT_EQ(encode_cookie(
                {.name = "woot", .path = "/custom", .http_only = false, .same_site = same_site::strict}, "a"),
            "woot=a; Path=/custom; SameSite=Strict");
  EXPECT_EQ(encode_cookie({.path = ""}, "a"), "io=a; HttpOnly; SameSite=Lax");
  EXPECT_EQ(encode_cookie({.domain = "a.example",
                           .max_age = std::chrono::seconds(60),
                           .http_only = false,
                           .secure = true,
                           .same_site = same_site::none},
                          "a;b"),
            "io=a%3Bb; Max-Age=60; Domain=a.example; Path=/; Secure; SameSite=None");
  EXPECT_EQ(encode_cookie({.http_only = false, .same_site = same_site::unset}, "a"), "io=a; Path=/");
}

}  // namespace engineio_cookie_test
