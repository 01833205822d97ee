// Parts of the application `studio` that are no matter of Socket.IO: its processes, how options are read.
#include <gtest/gtest.h>

#include <csignal>

#include "apps/studio/processes.hpp"
#include "apps/studio/redis.hpp"
#include "net/run_until.hpp"

namespace studio_test {

using namespace studio;
using words = std::vector<std::string>;

TEST(SplitWords, AsAShellParts) {
  EXPECT_EQ(split_words("claude -p"), (words{"claude", "-p"}));
  EXPECT_EQ(split_words("  a\tb\n"), (words{"a", "b"}));
  EXPECT_EQ(split_words("a 'b c' \"d e\""), (words{"a", "b c", "d e"}));
  EXPECT_EQ(split_words("a'b'\"c\"d"), (words{"abcd"}));
  EXPECT_EQ(split_words("'' \"\""), (words{"", ""}));
  EXPECT_EQ(split_words(R"(a\ b '\' "\"\\\n")"), (words{"a b", "\\", "\"\\\\n"}));
  EXPECT_EQ(split_words("$HOME | *"), (words{"$HOME", "|", "*"})) << "no shell";
  for (auto const* const bad : {"", "  ", "'a", "\"a", "a '"}) EXPECT_TRUE(split_words(bad).empty()) << bad;
}

TEST(RedisAddress, IsRead) {
  auto const all = redis_address::read("redis://me:p%40ss:%2Fword@example.org:7000/3");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->host, "example.org");
  EXPECT_EQ(all->port, 7000);
  EXPECT_EQ(all->user, "me");
  EXPECT_EQ(all->password, "p@ss:/word");
  EXPECT_EQ(all->database, 3u);
  auto const least = redis_address::read("redis://localhost");
  ASSERT_TRUE(least);
  EXPECT_EQ(least->port, 6379);
  EXPECT_EQ(least->database, 0u);
  EXPECT_EQ(redis_address::read("redis://[::1]:7000")->host, "::1");
  EXPECT_EQ(redis_address::read("redis://[::1]")->port, 6379);
  for (auto const* const bad :
       {"", "localhost", "http://localhost", "redis://", "redis://:6379", "redis://a:0", "redis://a:65536",
        "redis://a:x", "redis://a/x", "redis://word@a", "redis://:%4@a", "redis://:%zz@a", "redis://[::1",
        "redis://[::1]x"}) {
    EXPECT_FALSE(redis_address::read(bad)) << bad;
  }
}

class Processes : public testing::Test, protected process_observer {
 protected:
  void on_queued(process const& one, std::size_t position) override {
    log.push_back(one.id + " queued " + std::to_string(position));
  }
  void on_started(process const& one) override { log.push_back(one.id + " started"); }
  void on_output(process const&, std::string_view text) override { output += text; }
  void on_stream_error(process const& one, std::string_view why) override {
    log.push_back(one.id + " lost: " + std::string(why));
  }
  void on_ended(process const& one) override {
    log.push_back(one.id + " " + std::string(to_string(one.status)));
    last = one;
    ++ended;
  }
  static job script(std::string id, std::string text) {
    return {std::move(id), "user", {"sh", "-c", std::move(text)}, "", std::chrono::seconds(60)};
  }
  void run_until_ended(std::size_t count) {
    ASSERT_TRUE(siokit::test::run_until(context, [&] { return ended >= count; }));
  }

  asio::io_context context;
  words log;
  std::string output;
  process last;
  std::size_t ended = 0;
};

TEST_F(Processes, TheQueueIsBounded) {
  processes all(context, {.running_max = 1, .queued_max = 2}, *this);
  all.add(script("a", "exec sleep 1000"));
  ASSERT_TRUE(siokit::test::run_until(context, [&] { return !log.empty(); }));
  all.add(script("b", "true"));
  EXPECT_FALSE(all.full());
  all.add(script("c", "true"));
  EXPECT_TRUE(all.full());
  EXPECT_EQ(all.find("c")->status, process_status::pending);
  EXPECT_EQ(all.position("c"), 1u);
  EXPECT_TRUE(all.cancel("b"));
  EXPECT_FALSE(all.full());
  all.stop();
  EXPECT_TRUE(all.full()) << "nothing starts behind stop()";
  context.restart();
  context.run();  // which ends with the last process
  EXPECT_EQ(all.running(), 0u);
  EXPECT_EQ(log, (words{"a started", "b cancelled", "c cancelled", "a cancelled"}));
}

TEST_F(Processes, WhatHasEndedIsForgotten) {
  processes all(context, {.running_max = 1, .ended_max = 2}, *this);
  for (auto const* const id : {"a", "b", "c"}) all.add(script(id, "true"));
  run_until_ended(3);
  EXPECT_EQ(all.find("a"), nullptr);
  ASSERT_NE(all.find("c"), nullptr);
  EXPECT_EQ(all.find("c")->status, process_status::completed);
  EXPECT_TRUE(all.find("c")->output.empty());
  EXPECT_FALSE(all.cancel("c"));
  EXPECT_FALSE(all.cancel("a"));
}

TEST_F(Processes, ButNotBeforeItsTime) {
  processes all(context, {.ended_for = std::chrono::hours(0)}, *this);
  all.add(script("a", "true"));
  run_until_ended(1);
  ASSERT_TRUE(siokit::test::run_until(context, [&] { return all.find("a") == nullptr; }));
}

TEST_F(Processes, OutputIsCut) {
  processes all(context, {.output_max = 4}, *this);
  all.add(script("a", "printf 123; printf 456; printf 7890 >&2; printf x >&2"));
  run_until_ended(1);
  EXPECT_EQ(last.output, "1234");
  EXPECT_EQ(last.errors, "7890");
  EXPECT_EQ(output, "1234");
  EXPECT_EQ(last.error, "Output is cut after 4 bytes");
  EXPECT_EQ(log, (words{"a started", "a lost: Output is cut after 4 bytes", "a completed"}));
}

TEST_F(Processes, OneThatIsNotThere) {
  processes all(context, {}, *this);
  job wanted = script("a", "");
  wanted.words = {"/no/such/program"};
  all.add(std::move(wanted));
  run_until_ended(1);
  EXPECT_EQ(last.failure, process_failure::execution);
  EXPECT_EQ(last.error, "cannot run /no/such/program: No such file or directory");
  EXPECT_EQ(all.running(), 0u);
}

TEST_F(Processes, AreWaitedForAlsoIfSigchldWasIgnored) {
  std::signal(SIGCHLD, SIG_IGN);
  processes all(context, {}, *this);
  all.add(script("a", "printf 1; exit 3"));
  run_until_ended(1);
  std::signal(SIGCHLD, SIG_DFL);
  EXPECT_EQ(last.status, process_status::failed);
  EXPECT_EQ(last.error, "Process exited with code 3");
  EXPECT_EQ(last.output, "1");
  EXPECT_EQ(all.running(), 0u);
}

TEST_F(Processes, OutputIsNotWaitedForWithoutEnd) {
  processes all(context, {}, *this);
  // Who has left the group keeps the pipe open.
  all.add(script("a",
                 "F=$(mktemp); setsid sh -c \"echo \\$\\$ >$F; exec sleep 1000\" & "
                 "until [ -s $F ]; do :; done; cat $F; rm $F"));
  run_until_ended(1);
  EXPECT_EQ(last.status, process_status::completed);
  EXPECT_EQ(::kill(static_cast<pid_t>(std::stol(output)), SIGKILL), 0);
}

TEST_F(Processes, NoneOutlivesItsOwner) {
  {
    asio::io_context short_lived;
    processes all(short_lived, {}, *this);
    all.add(script("a", "echo $$; trap '' TERM; while :; do sleep 0.02; done"));
    ASSERT_TRUE(siokit::test::run_until(short_lived, [&] { return output.ends_with('\n'); }));
  }
  EXPECT_EQ(::kill(static_cast<pid_t>(std::stol(output)), 0), -1);
}

TEST_F(Processes, NorDoesWhatHasLeftTheirGroup) {
  {
    asio::io_context short_lived;
    processes all(short_lived, {}, *this);
    all.add(script("a", "setsid sh -c 'echo $$; exec >/dev/null; sleep 1000' & wait"));
    ASSERT_TRUE(siokit::test::run_until(short_lived, [&] { return output.ends_with('\n'); }));
    ASSERT_EQ(::kill(static_cast<pid_t>(std::stol(output)), 0), 0);
  }
  EXPECT_EQ(::kill(static_cast<pid_t>(std::stol(output)), 0), -1);
}

}  // namespace studio_test
