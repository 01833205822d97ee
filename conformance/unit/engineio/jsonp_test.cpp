#include "siokit/engineio/jsonp.hpp"

#include <gtest/gtest.h>

#include "siokit/engineio/server.hpp"

namespace engineio_jsonp_test {

using namespace siokit;
using namespace siokit::engineio;

TEST(engineio_jsonp, scripts) {
  EXPECT_EQ(jsonp_script(jsonp_head("0"), "4a"), R"(___eio[0]("4a");)");
  EXPECT_EQ(jsonp_head("1);alert(2)//"), "___eio[12](");
  EXPECT_EQ(jsonp_head("3%3Cx"), "___eio[3](");
  EXPECT_EQ(jsonp_head(""), "___eio[](");
  EXPECT_EQ(jsonp_script("(", "\"\\\n\x1e</script>"), R"(("\"\\\n\u001e</script>");)");
  EXPECT_EQ(jsonp_script("(", "\xE2\x80\xA8-\xE2\x80\xA9-\xE2\x80\xA7-\xE2\x80\xAA"),
            "(\"\\u2028-\\u2029-\xE2\x80\xA7-\xE2\x80\xAA\");");
}

TEST(engineio_jsonp, forms) {
  for (auto const& [form, payload] : {std::pair{"d=4a%20b+c", "4a b c"},
                                      {"x=1&d=4a", "4a"},
                                      {"d=", ""},
                                      {"d=4a\\nb", "4a\nb"},
                                      {"d=4a%5Cnb", "4a\nb"},
                                      {"d=4a\\\\nb", "4a\\nb"},
                                      {"d=4a\\\\\\nb", "4a\\\\nb"},
                                      {"d=\\", "\\"},
                                      {"d=%ff", "\xEF\xBF\xBD"}}) {
    EXPECT_EQ(jsonp_payload(form), payload) << form;
  }
  for (auto const* form : {"", "e=1", "4a", "d=1&d=2"}) EXPECT_EQ(jsonp_payload(form), std::nullopt);
}

/// A session over JSONP on a server of its own.
struct jsonp_session {
  explicit jsonp_session(server_config config = {}) : engine(std::move(config)) {}
  std::string ask(std::string_view method, std::string_view query, std::string body = {}) {
    std::string const target = "/engine.io/?EIO=4&transport=polling&" + std::string(query);
    exchange const id{++last};
    auto const routed = engine.request(id, {method, target, {}, ""}, now);
    pull();
    if (routed.next == routed::kind::post) engine.post_received(routed.session, id, body, now), pull();
    auto const out = engine.poll_response();
    return out ? out->answer.body : "nothing";
  }
  void pull() {
    while (auto const in = engine.poll_event(now)) {
      if (in->type == event::kind::handshake_requested) {
        static_cast<void>(engine.admit(in->session, sid("id"), now));
      } else if (in->type == event::kind::message) {
        static_cast<void>(engine.send(in->session, text_message("4" + std::string(in->data.data))));
      } else if (in->type == event::kind::opened) {
        session = in->session;
      }
    }
  }
  server engine;
  handle session;
  time_point now{};
  std::uint64_t last = 0;
};

TEST(engineio_jsonp, of_a_session) {
  jsonp_session s;
  EXPECT_TRUE(s.ask("GET", "j=7").starts_with(R"(___eio[7]("0{\"sid\":\"id\",)"));
  EXPECT_EQ(s.ask("POST", "sid=id&j=8", "d=4a%1e4\\\\n\\n"), "ok");
  EXPECT_EQ(s.ask("GET", "sid=id&j=8"), R"(___eio[7]("4a\u001e4\\n\n");)");
  EXPECT_EQ(s.ask("POST", "sid=id", "4nothing"), "ok");
  EXPECT_EQ(s.ask("GET", "sid=id"), "nothing");
  s.engine.close(s.session, s.now);
  EXPECT_EQ(s.engine.poll_response()->answer.body, R"(___eio[7]("1");)");
}

TEST(engineio_jsonp, a_packet_that_is_none_ends_the_session) {
  jsonp_session s;
  static_cast<void>(s.ask("GET", "j=0"));
  EXPECT_EQ(s.ask("POST", "sid=id", "d=nonsense"), "ok");
  EXPECT_EQ(s.ask("GET", "sid=id"), R"({"code":1,"message":"Session ID unknown"})");
}

TEST(engineio_initial_packet, comes_with_the_handshake) {
  jsonp_session s({.initial_packet = text_message("4faster!")});
  std::string const answer = s.ask("GET", "x=1");
  EXPECT_TRUE(
      answer.ends_with("}\x1e"
                       "4faster!"))
      << answer;
}

TEST(engineio_compress, an_answer_may_be_compressed_when_one_of_its_messages_may) {
  jsonp_session s;
  exchange const first{1}, second{2};
  static_cast<void>(s.engine.request(first, {"GET", "/engine.io/?EIO=4&transport=polling", {}, ""}, s.now));
  s.pull();
  EXPECT_TRUE(s.engine.poll_response()->answer.compress);
  for (bool const mixed : {false, true}) {
    message plain = text_message("4plain");
    plain.no_compress();
    static_cast<void>(s.engine.send(s.session, std::move(plain)));
    if (mixed) static_cast<void>(s.engine.send(s.session, text_message("4x")));
    auto const in = request{"GET", "/engine.io/?EIO=4&transport=polling&sid=id", {}, ""};
    static_cast<void>(s.engine.request(second, in, s.now));
    EXPECT_EQ(s.engine.poll_response()->answer.compress, mixed);
  }
}

}  // namespace engineio_jsonp_test
