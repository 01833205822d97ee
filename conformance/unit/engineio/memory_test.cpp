// What a server is when an allocation has failed: each promise for whichever of them it was.
#ifdef __cpp_exceptions
#include <functional>

#include "unit/heap.hpp"
#include "world.hpp"

namespace engineio_memory_test {

using namespace engineio_test;
using conformance::allocation_fails;

/// A world for each allocation that `action` needs, which fails in it.
void for_each_failure(std::function<void(world&)> const& action, std::function<void(world&)> const& then) {
  bool failed = true;
  std::size_t n = 1;
  for (; failed; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    world w;
    w.open_polling();
    failed = allocation_fails(n, [&] { action(w); });
    if (failed) then(w);
  }
  EXPECT_GT(n, 2u) << "none was needed";
}

TEST(engineio_memory, a_request_is_refused_or_taken) {
  for_each_failure(
      [](world& w) {
        w.server_.request(exchange{100}, {"GET", "/engine.io/?EIO=4&transport=polling", w.headers_, "::1"},
                          w.now_);
      },
      [](world& w) {
        EXPECT_EQ(w.server_.size(), 1u);
        w.open_polling();
        EXPECT_EQ(w.server_.size(), 2u);
      });
}

TEST(engineio_memory, an_admission_may_be_tried_again) {
  for (std::string const transport : {"polling&j=0", "polling", "websocket"}) {
    bool failed = true;
    for (std::size_t n = 1; failed; ++n) {
      SCOPED_TRACE(transport + ", allocation " + std::to_string(n));
      world w;
      w.admit_ = false;
      bool const websocket = transport == "websocket";
      std::string const target = "/engine.io/?EIO=4&transport=" + transport;
      w.server_.request(exchange{100}, {"GET", target, w.headers_, "::1", false, websocket}, w.now_);
      w.pump();
      sid const id("twenty characters...");
      failed = allocation_fails(n, [&] { static_cast<void>(w.server_.admit(w.pending_, id, w.now_)); });
      EXPECT_EQ(w.server_.find(w.pending_) == nullptr, failed);
      EXPECT_EQ(bool(w.server_.admit(w.pending_, id, w.now_)), failed);
      w.pump();
      EXPECT_FALSE(w.answer(exchange{100}).empty());
    }
  }
}

TEST(engineio_memory, an_answer_is_asked_for_again) {
  world w;
  handle const session = w.open_polling();
  std::string const id = "EIO=4&transport=polling&sid=sid1";
  for (int i = 0; i < 3; ++i) {
    std::string const text = std::to_string(i) + std::string(100, 'x');
    static_cast<void>(w.server_.send(session, encode_packet(packet_type::message, text)));
  }
  w.server_.request(exchange{100}, {"GET", "/engine.io/?" + id, w.headers_, "::1"}, w.now_);
  std::optional<server_response> out;
  std::size_t n = 1;
  while (allocation_fails(n, [&] { out = w.server_.poll_response(); })) ++n;
  EXPECT_GT(n, 1u);
  ASSERT_TRUE(out);
  std::string const x(100, 'x');
  EXPECT_EQ(out->answer.body, "40" + x + "\x1e" + "41" + x + "\x1e" + "42" + x);
  EXPECT_FALSE(w.server_.poll_response());
  EXPECT_EQ(w.server_.find(session)->messages_queued(), 0u);
  EXPECT_EQ(w.events(), "opened;");
}

TEST(engineio_memory, a_session_that_lost_something_ends) {
  for (bool const websocket : {true, false}) {
    world w({}, recording_mask::none);  // a mask needs memory
    wire const at = websocket ? w.open_wire("EIO=4&transport=websocket") : wire{};
    handle const session = websocket ? w.opened_ : w.open_polling();
    handle const other = w.open_polling();
    static_cast<void>(w.sent(at) + w.events());
    message const item = text_message("4x");
    std::size_t taken = 0;  // without an allocation
    while (!allocation_fails(1, [&] { static_cast<void>(w.server_.send(session, item)); })) ++taken;
    EXPECT_GT(taken, 0u);
    w.pump();
    EXPECT_EQ(w.events(), "closed transport error (an allocation failed);");
    EXPECT_EQ(w.sent(at), websocket ? "shut;" : "");
    EXPECT_EQ(w.server_.size(), 1u);
    EXPECT_TRUE(w.server_.send(other, item));
  }
}

}  // namespace engineio_memory_test
#endif
