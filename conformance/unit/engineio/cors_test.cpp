#include "siokit/engineio/cors.hpp"

#include <gtest/gtest.h>

namespace engineio_cors_test {

using namespace siokit;
using namespace siokit::engineio;

/// The headers as lines, sent for a request of this method and these headers.
std::string answer(cors_options const& options, std::string_view method = "GET",
                   std::vector<header> const& headers = {{"Origin", "http://a.example"}}) {
  std::vector<owned_header> out;
  append_cors_headers(options, {method, "/", headers, ""}, out);
  std::string text;
  for (auto const& [name, value] : out) {
    EXPECT_TRUE(name.starts_with("Access-Control-") || name == "Vary");
    text += (name.starts_with("Access-Control-") ? name.substr(15) : name) + ": " + value + "\n";
  }
  return text;
}

TEST(engineio_cors, origin) {
  EXPECT_EQ(answer({.origin = "*"}), "Allow-Origin: *\n");
  EXPECT_EQ(answer({}), "Allow-Origin: *\n");
  EXPECT_EQ(answer({.origin = true}), "Allow-Origin: http://a.example\nVary: Origin\n");
  EXPECT_EQ(answer({.origin = false}), "");
  EXPECT_EQ(answer({.origin = ""}), "");
  EXPECT_EQ(answer({.origin = "http://b.example"}), "Allow-Origin: http://b.example\nVary: Origin\n");
  EXPECT_EQ(answer({.origin = {"http://b.example", "http://a.example"}}),
            "Allow-Origin: http://a.example\nVary: Origin\n");
  EXPECT_EQ(answer({.origin = {"http://b.example", "http://a.example.org", "http://a.exampl"}}),
            "Vary: Origin\n");
  EXPECT_EQ(answer({.origin = std::vector<std::string>{}}), "Vary: Origin\n");
  EXPECT_EQ(answer({.origin = true}, "GET", {}), "Vary: Origin\n");
  EXPECT_EQ(answer({.origin = {"http://a.example"}}, "GET", {}), "Vary: Origin\n");
}

TEST(engineio_cors, patterns) {
  auto const has = [](char const* pattern, std::string_view origin) {
    return cors_origin{pattern}.has(origin);
  };
  EXPECT_EQ(cors_origin("http://*.example").type(), cors_origin::kind::list);
  EXPECT_TRUE(has("http://*.example", "http://a.b.example"));
  EXPECT_TRUE(has("http://localhost:*", "http://localhost:3000"));
  EXPECT_TRUE(has("*://a", "https://a"));
  EXPECT_TRUE(has("http://*a*b*", "http://xaxxbx"));
  EXPECT_TRUE(has("http://*", "http://"));
  EXPECT_TRUE(has("http://a*.example", "http://a.example.example"));
  EXPECT_FALSE(has("http://*.example", "http://example"));
  EXPECT_FALSE(has("http://*.example", "http://a.example.org"));
  EXPECT_FALSE(has("http://*.example", "http://evil/.example"));
  EXPECT_FALSE(has("http://*a*b", "http://bba"));
  EXPECT_FALSE(has("https://*", "http://a"));
  // Linear in space and no worse than quadratic in time.
  EXPECT_FALSE(has("*a*a*a*a*a*a*a*a*a*a*b", std::string(8000, 'a')));
}

TEST(engineio_cors, other_answers) {
  cors_options const full{.origin = "http://good.example",
                          .methods = "GET,PUT,POST",
                          .allowed_headers = "my-header",
                          .exposed_headers = "my-exposed-header",
                          .credentials = true,
                          .max_age = std::chrono::seconds(123),
                          .options_success_status = 200};
  EXPECT_EQ(answer(full),
            "Allow-Origin: http://good.example\nAllow-Credentials: true\n"
            "Expose-Headers: my-exposed-header\nVary: Origin\n");
  EXPECT_EQ(answer(full, "OPTIONS"),
            "Allow-Origin: http://good.example\nAllow-Credentials: true\nAllow-Methods: GET,PUT,POST\n"
            "Allow-Headers: my-header\nMax-Age: 123\nExpose-Headers: my-exposed-header\nVary: Origin\n");
}

TEST(engineio_cors, preflight) {
  std::vector<header> const asks{{"Origin", "http://a.example"},
                                 {"Access-Control-Request-Headers", "x-one, x-two"}};
  EXPECT_EQ(answer({.origin = true}, "OPTIONS", asks),
            "Allow-Origin: http://a.example\nAllow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\n"
            "Allow-Headers: x-one, x-two\nVary: Origin, Access-Control-Request-Headers\n");
  EXPECT_EQ(answer({}, "OPTIONS", {}),
            "Allow-Origin: *\nAllow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\n"
            "Vary: Access-Control-Request-Headers\n");
  request const options{"OPTIONS", "/", {}, ""}, get{"GET", "/", {}, ""};
  EXPECT_TRUE(is_preflight({}, options));
  EXPECT_FALSE(is_preflight({}, get));
  EXPECT_FALSE(is_preflight({.preflight_continue = true}, options));
  EXPECT_FALSE(is_preflight({.origin = false}, options));
}

TEST(engineio_cors, reflects_nothing_that_would_leave_its_line) {
  EXPECT_EQ(answer({.origin = true}, "GET", {{"origin", "a\r\nX: y"}}), "Vary: Origin\n");
  EXPECT_EQ(answer({}, "OPTIONS", {{"access-control-request-headers", "a\nb"}}),
            "Allow-Origin: *\nAllow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\n"
            "Vary: Access-Control-Request-Headers\n");
}

}  // namespace engineio_cors_test
