// Parts of the notifier, and what all applications share: merged capabilities, users, times, rates.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "apps/notifier/capabilities.hpp"
#include "apps/notifier/users.hpp"
#include "apps/rate_limit.hpp"
#include "apps/times.hpp"

namespace server_notifier_test {

using namespace std::chrono_literals;
using nlohmann::json;

json const catalogue = json::parse(R"({
  "fs": {"enabled": true, "tools": {"read": {"enabled": true, "description": "Read", "dangerLevel": 0},
                                    "format": {"enabled": false, "dangerLevel": 3}},
         "resources": {"disk": {}}},
  "net": {"enabled": false, "tools": {"get": {"enabled": true}}}})");

TEST(Capabilities, AreWhatAllThreeEnable) {
  json const merged = notifier::merged_capabilities(
      catalogue, json::parse(R"({"fs": {"resources": {"disk": {"enabled": false}}}})"),
      json::parse(R"({"fs": {"tools": {"read": {"enabled": false, "description": "mine"},
                                       "format": {"enabled": true}, "none": {"enabled": true}}},
                      "net": {"enabled": true}, "none": {"enabled": true}})"));
  EXPECT_EQ(merged, json::parse(R"({
    "fs": {"enabled": true, "prompts": {}, "resources": {"disk": {"enabled": false}},
           "tools": {"read": {"enabled": false, "description": "Read", "dangerLevel": 0},
                     "format": {"enabled": false, "dangerLevel": 3}}},
    "net": {"enabled": false, "prompts": {}, "resources": {}, "tools": {"get": {"enabled": true}}}})"));
}

TEST(Capabilities, OfAServerThatIsDisabledKeepTheirOwnFlags) {
  json const merged =
      notifier::merged_capabilities(catalogue, json::object(), json::parse(R"({"fs": {"enabled": false}})"));
  EXPECT_FALSE(merged["fs"]["enabled"]);
  EXPECT_TRUE(merged["fs"]["tools"]["read"]["enabled"]);
}

TEST(Capabilities, PreferencesTakeWhatThereIsAndLeaveTheRest) {
  json stored = json::parse(R"({"fs": {"tools": {"read": {"enabled": false}}}})");
  stored = notifier::updated_preferences(catalogue, stored, json::parse(R"({
    "fs": {"enabled": "no", "color": 1,
           "tools": {"read": {"dangerLevel": 7, "secret": 1}, "format": 5, "none": {"enabled": true}},
           "others": {"x": {"enabled": true}}},
    "net": [], "none": {"enabled": true}})"));
  EXPECT_EQ(stored, json::parse(R"({"fs": {"tools": {"read": {"enabled": false, "dangerLevel": 7}}}})"));
  std::string const longest(4097, 'x');
  json const described = {{"fs", {{"tools", {{"read", {{"description", longest}}}}}}}};
  EXPECT_EQ(notifier::updated_preferences(catalogue, stored, described), stored);
}

TEST(Capabilities, ProblemsNameTheirPlace) {
  EXPECT_FALSE(notifier::capabilities_problem(catalogue));
  for (auto const& [text, place] :
       {std::pair("[]", "servers"),
        {R"({"fs": 1})", "fs is"},
        {R"({"fs": {"enabled": 1}})", "fs.enabled"},
        {R"({"fs": {"tools": []}})", "fs.tools is"},
        {R"({"fs": {"tools": {"read": 1}}})", "fs.tools.read is"},
        {R"({"fs": {"tools": {"read": {"enabled": "x"}}}})", "fs.tools.read.enabled"}}) {
    auto const problem = notifier::capabilities_problem(json::parse(text));
    ASSERT_TRUE(problem) << text;
    EXPECT_TRUE(problem->starts_with(place)) << *problem;
  }
}

TEST(Users, AreFoundByIdAndByToken) {
  notifier::users all("");
  notifier::user ann;
  ann.id = "ann";
  ann.expires_at = 5;
  ann.permissions = {{"fs", {{"enabled", false}}}};
  EXPECT_TRUE(all.add(ann, "a secret"));
  EXPECT_FALSE(all.add(ann, "another")) << "the id is taken";
  notifier::user bob;
  bob.id = "bob";
  EXPECT_FALSE(all.add(bob, "a secret")) << "the token is taken";
  EXPECT_TRUE(all.add(bob, "his"));
  auto const found = all.find_by_token("a secret");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "ann");
  EXPECT_EQ(found->permissions, ann.permissions);
  EXPECT_TRUE(found->expired(5));
  EXPECT_FALSE(found->expired(4));
  EXPECT_FALSE(all.find_by_token(""));
  ann.enabled = false;
  ann.expires_at.reset();
  all.update(ann);
  EXPECT_FALSE(all.find("ann")->enabled);
  EXPECT_FALSE(all.find("ann")->expired(INT64_MAX));
  EXPECT_FALSE(all.set_token("ann", "his"));
  EXPECT_TRUE(all.set_token("ann", "fresh"));
  EXPECT_FALSE(all.find_by_token("a secret"));
  EXPECT_TRUE(all.remove("ann"));
  EXPECT_FALSE(all.remove("ann"));
  EXPECT_EQ(all.catalogue(), json::object());
  all.set_catalogue(catalogue);
  EXPECT_EQ(all.catalogue(), catalogue);
}

TEST(Times, AreWrittenAndReadAsJavaScriptDoes) {
  EXPECT_EQ(apps::iso8601(1'736'935'200'007), "2025-01-15T10:00:00.007Z");
  EXPECT_EQ(apps::iso8601(-1), "1969-12-31T23:59:59.999Z");
  for (auto const& [text, ms] :
       {std::pair<std::string_view, std::int64_t>("2025-01-15T10:00:00.007Z", 1'736'935'200'007),
        {"2025-01-15T10:00:00Z", 1'736'935'200'000},
        {"2025-01-15T10:00", 1'736'935'200'000},
        {"2025-01-15T12:00:00+02:00", 1'736'935'200'000},
        {"2025-01-15T09:30:00.5-00:30", 1'736'935'200'500},
        {"2025-01-15", 1'736'899'200'000}}) {
    EXPECT_EQ(apps::read_iso8601(text), ms) << text;
  }
  for (auto const text : {"", "soon", "2025-02-30", "2025-01-15 10:00", "2025-01-15T", "2025-01-15T25:00:00Z",
                          "2025-01-15T10:61:00Z", "2025-01-15T10:00:61Z", "2025-01-15T10:00:00X",
                          "2025-01-15T10:00:00+2", "2025-01-15T10:00:00+02:00Z", "20250115", "2025-1-15"}) {
    EXPECT_FALSE(apps::read_iso8601(text)) << text;
  }
}

TEST(RateLimit, CountsInWindows) {
  auto const rate = apps::rate::read("2/10");
  ASSERT_TRUE(rate);
  for (auto const wrong : {"", "2", "/", "2/", "/10", "0/10", "2/0", "2/10s", "-2/10", "2/10/3"}) {
    EXPECT_FALSE(apps::rate::read(wrong)) << wrong;
  }
  apps::rate_limit one;
  apps::rate_limit::time_point const begin(100s);
  EXPECT_TRUE(one.allow(*rate, begin));
  EXPECT_TRUE(one.allow(*rate, begin + 9s));
  EXPECT_FALSE(one.allow(*rate, begin + 9999ms));
  EXPECT_FALSE(one.idle(*rate, begin + 9999ms));
  EXPECT_TRUE(one.idle(*rate, begin + 10s));
  EXPECT_TRUE(one.allow(*rate, begin + 10s));
}

}  // namespace server_notifier_test
