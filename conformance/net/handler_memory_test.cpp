// Handlers that need no memory but their own.
#include "siokit/net/handler_memory.hpp"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "unit/heap.hpp"

namespace net_handler_memory_test {

using siokit::net::impl::handler_memory;

TEST(HandlerMemory, IsAllThatAPostNeeds) {
  asio::io_context context;
  handler_memory memory;
  std::size_t called = 0;
  std::size_t const before = conformance::heap.allocations;
  for (std::size_t i = 1; i <= 3; ++i) {
    conformance::heap.fail_after = 1;
    asio::post(context, memory.bind([&called] { ++called; }));
    EXPECT_EQ(std::exchange(conformance::heap.fail_after, 0), 1u) << "nothing was asked for";
    context.restart();
    context.poll();
    EXPECT_EQ(called, i);
  }
  EXPECT_EQ(conformance::heap.allocations, before);
}

TEST(HandlerMemory, IsFreeWhenTheHandlerIsCalled) {
  asio::io_context context;
  handler_memory memory;
  int left = 3;
  struct again {
    asio::io_context& context;
    handler_memory& memory;
    int& left;
    void operator()() const {
      if (--left > 0) asio::post(context, memory.bind(*this));
    }
  };
  asio::post(context, memory.bind(again{context, memory, left}));
  context.run();
  EXPECT_EQ(left, 0);
}

TEST(HandlerMemory, IsGivenBackByAContextThatEnds) {
  handler_memory memory;
  for (int i = 0; i < 2; ++i) {
    asio::io_context context;
    asio::post(context, memory.bind([] { FAIL(); }));
  }
}

}  // namespace net_handler_memory_test
