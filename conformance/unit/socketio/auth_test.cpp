#include "siokit/socketio/auth.hpp"

#include <gtest/gtest.h>

#include <string>

namespace socketio_auth_test {

using namespace siokit;
using namespace siokit::socketio;

std::string wire(message const& from) {
  auto walk = from.packets();
  std::string out(walk.next().data);
  EXPECT_TRUE(walk.done());
  return out;
}
packet_view packet_of(std::string_view text) {
  auto const decoded = decode_packet(text, {});
  EXPECT_TRUE(decoded) << text;
  return decoded.value_or(packet_view{});
}

TEST(socketio_auth, writes_what_opens_refuses_and_leaves_a_namespace) {
  EXPECT_EQ(wire(encode_connect("/")), "40");
  EXPECT_EQ(wire(encode_connect("/chat")), "40/chat,");
  EXPECT_EQ(wire(encode_connect("/", R"({"token":1})")), R"(40{"token":1})");
  EXPECT_EQ(wire(encode_connect("/chat", "{}")), "40/chat,{}");

  sid const id("0123456789abcdefghij"), pid("pid");
  EXPECT_EQ(wire(encode_connect_reply("/", id)), R"(40{"sid":"0123456789abcdefghij"})");
  EXPECT_EQ(wire(encode_connect_reply("/chat", id, pid)),
            R"(40/chat,{"sid":"0123456789abcdefghij","pid":"pid"})");

  EXPECT_EQ(wire(encode_connect_error("/", "no")), R"(44{"message":"no"})");
  EXPECT_EQ(wire(encode_connect_error("/chat", "a\"b", R"({"code":1})")),
            R"(44/chat,{"message":"a\"b","data":{"code":1}})");

  EXPECT_EQ(wire(encode_disconnect("/")), "41");
  EXPECT_EQ(wire(encode_disconnect("/chat")), "41/chat,");
}

TEST(socketio_auth, finds_members) {
  constexpr std::string_view object = R"({"a":1,"b":{"c":2}, "d" : "x\n" ,"\u0065":null,"a":[3]})";
  EXPECT_EQ(json_find(object, "a"), "[3]") << "the last of equal ones";
  EXPECT_EQ(json_find(object, "b"), R"({"c":2})");
  EXPECT_EQ(json_find(object, "c"), std::nullopt) << "a level deeper";
  EXPECT_EQ(json_find(object, "d"), R"("x\n")");
  EXPECT_EQ(json_find(object, "e"), "null");
  EXPECT_EQ(json_find(object, ""), std::nullopt);
  EXPECT_EQ(json_find("", "a"), std::nullopt);
  EXPECT_EQ(json_find("{}", "a"), std::nullopt);
  EXPECT_EQ(find_string(object, "d"), R"(x\n)");
  EXPECT_EQ(find_string(object, "a"), std::nullopt);
  EXPECT_EQ(find_string(object, "e"), std::nullopt);
  EXPECT_EQ(find_string(R"({"a":""})", "a"), "");
}

TEST(socketio_auth, reads_what_recovery_needs) {
  auto const both = read_recovery(R"({"pid":"p1","offset":"17-0","token":1})");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->pid, "p1");
  EXPECT_EQ(both->offset, "17-0");
  for (char const* none : {"", "{}", R"({"pid":"p1"})", R"({"offset":"1"})", R"({"pid":1,"offset":"1"})",
                           R"({"pid":"p1","offset":1})", R"({"pid":"p1","offset":null})",
                           R"({"x":{"pid":"p1","offset":"1"}})"}) {
    EXPECT_FALSE(read_recovery(none)) << none;
  }
}

TEST(socketio_auth, reads_the_answer_of_a_server) {
  auto const plain = read_connect_reply(packet_of(R"(0{"sid":"abc"})"));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->id, "abc");
  EXPECT_EQ(plain->pid, "");
  auto const recoverable = read_connect_reply(packet_of(R"(0/chat,{"pid":"p","more":[],"sid":"abc"})"));
  ASSERT_TRUE(recoverable);
  EXPECT_EQ(recoverable->id, "abc");
  EXPECT_EQ(recoverable->pid, "p");
  for (char const* old : {"0", "0{}", R"(0{"sid":""})", R"(0{"sid":1})", R"(0{"id":"abc"})"}) {
    EXPECT_EQ(read_connect_reply(packet_of(old)).error(), (error{errc::invalid_payload, side::remote, 0}))
        << old;
  }
}

TEST(socketio_auth, reads_the_refusal_of_a_server) {
  struct {
    char const* packet;
    char const* text;
    char const* data;
  } const cases[] = {
      {R"(4{"message":"no"})", "no", ""},
      {R"(4/a,{"message":"n\no","data":{"code":1}})", R"(n\no)", R"({"code":1})"},
      {R"(4{"message":"no","data":null})", "no", "null"},
      {R"(4"Not authorized")", "Not authorized", ""},
      {"4\"no\" ", "no", ""},
      {R"(4"")", "", ""},
      {"4", "", ""},
      {"4{}", "", ""},
      {R"(4{"message":7})", "", ""},
  };
  for (auto const& [packet, text, data] : cases) {
    auto const refusal = read_connect_error(packet_of(packet));
    EXPECT_EQ(refusal.text, text) << packet;
    EXPECT_EQ(refusal.data, data) << packet;
  }
}

TEST(socketio_auth, reads_what_it_writes) {
  sid const id("0123456789abcdefghij"), pid("pid");
  std::string const joined = wire(encode_connect_reply("/a", id, pid)).substr(1);
  auto const reply = read_connect_reply(packet_of(joined));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->id, id.view());
  EXPECT_EQ(reply->pid, pid.view());
  std::string const refused = wire(encode_connect_error("/", "why", "[1]")).substr(1);
  EXPECT_EQ(read_connect_error(packet_of(refused)).text, "why");
  EXPECT_EQ(read_connect_error(packet_of(refused)).data, "[1]");
}

}  // namespace socketio_auth_test
