// Parts of the application `agent` that are no matter of Socket.IO: what events and messages must look like.
#include <gtest/gtest.h>

#include "apps/agent/envelope.hpp"
#include "apps/agent/event_counts.hpp"

namespace agent_test {

using namespace agent;

json event_with(std::string const& member, json value) {
  json event{
      {"id", "e"}, {"type", "t"}, {"source", {{"id", "s"}}}, {"timestamp", "2025-10-28T22:45:00.000Z"}};
  event[member] = std::move(value);
  return event;
}

TEST(Fits, StarsAndQuestionMarks) {
  for (auto const* const pattern :
       {"*", "user.action", "user.*", "*.action", "u*r.*n", "****", "user?action"}) {
    EXPECT_TRUE(fits(pattern, "user.action")) << pattern;
  }
  for (auto const* const pattern : {"", "user", "user.", "action*", "*.", "?", "user.action?", "USER.*"}) {
    EXPECT_FALSE(fits(pattern, "user.action")) << pattern;
  }
  EXPECT_TRUE(fits("", ""));
  EXPECT_TRUE(fits("*", ""));
  EXPECT_FALSE(fits("?", ""));
  EXPECT_TRUE(fits("*ab", "aab")) << "the first a that fits is not the one";
  EXPECT_FALSE(fits("*a*a*a*a*a*b", std::string(255, 'a'))) << "and this takes no time";
}

TEST(Event, LimitsCountBytes) {
  EXPECT_FALSE(event_problem(event_with("id", std::string(256, 'i'))));
  EXPECT_TRUE(event_problem(event_with("id", std::string(257, 'i'))));
  EXPECT_FALSE(event_problem(event_with("type", std::string(255, 't'))));
  EXPECT_TRUE(event_problem(event_with("type", std::string(256, 't'))));
  EXPECT_TRUE(event_problem(event_with("data", {{"deep", json::binary({1})}}))) << "no JSON has bytes";
}

TEST(Message, HasAnEventAndAddresses) {
  json const address{{"participantId", "p"}};
  auto const problem = [](json to) {
    return message_problem({{"event", event_with("data", 1)}, {"to", std::move(to)}});
  };
  EXPECT_FALSE(problem(json::array({address})));
  EXPECT_FALSE(
      problem(json::array({{{"participantId", "p"}, {"sessionId", "s"}, {"nodeId", "n"}, {"more", 1}}})));
  EXPECT_FALSE(problem(json::array({{{"participantId", "p"}, {"sessionId", nullptr}, {"nodeId", nullptr}}})));
  EXPECT_TRUE(problem(address)) << "a list is wanted";
  EXPECT_TRUE(problem(json::array()));
  EXPECT_TRUE(problem(std::vector<json>(addresses_max + 1, address)));
  EXPECT_TRUE(problem(json::array({{{"participantId", "p"}, {"sessionId", 1}}})));
  EXPECT_TRUE(problem(json::array({{{"participantId", "p"}, {"nodeId", ""}}})));
  EXPECT_EQ(message_problem({{"event", event_with("id", 1)}, {"to", json::array({address})}}),
            "event: id must be a text of 1 to 256 bytes");
}

TEST(Refusal, TellsTheIdIfThereIsOne) {
  EXPECT_EQ(refusal_of(event_with("type", 1), "CODE", "why"),
            (json{{"code", "CODE"}, {"message", "why"}, {"eventId", "e"}}));
  for (json const& event : {json(), event_with("id", 1), event_with("id", std::string(257, 'i'))}) {
    EXPECT_EQ(refusal_of(event, "CODE", "why"), (json{{"code", "CODE"}, {"message", "why"}}));
  }
}

TEST(EventCounts, StrangersLockNobodyOut) {
  constexpr apps::rate limit{2, std::chrono::seconds(60)};
  event_counts all;
  auto now = event_counts::time_point() + std::chrono::hours(1);
  EXPECT_TRUE(all.allow("first", limit, now));
  for (std::size_t i = 0; i < event_counts::counted_max - 1; ++i) {
    EXPECT_TRUE(all.allow(std::to_string(i), limit, now));
  }
  EXPECT_TRUE(all.allow("first", limit, now));
  EXPECT_FALSE(all.allow("first", limit, now)) << "all are counted";
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(all.allow("new", limit, now)) << "in the place of the first";
  EXPECT_FALSE(all.allow("new", limit, now));
  EXPECT_EQ(all.size(), event_counts::counted_max);
  now += limit.within;
  EXPECT_TRUE(all.allow("new", limit, now));
  EXPECT_EQ(all.size(), 1u) << "windows that are over are forgotten";
}

}  // namespace agent_test
