#include "siokit/socketio/reason.hpp"

#include <gtest/gtest.h>

namespace socketio_reason_test {

using namespace siokit;
using namespace siokit::socketio;

TEST(socketio_reason, has_the_words_of_the_official_libraries) {
  using enum disconnect_reason;
  struct {
    disconnect_reason reason;
    char const* text;
    bool recoverable;
  } const cases[] = {
      {transport_error, "transport error", true},
      {transport_close, "transport close", true},
      {forced_close, "forced close", true},
      {ping_timeout, "ping timeout", true},
      {parse_error, "parse error", false},
      {server_shutting_down, "server shutting down", true},
      {forced_server_close, "forced server close", true},
      {client_namespace_disconnect, "client namespace disconnect", false},
      {server_namespace_disconnect, "server namespace disconnect", false},
      {io_server_disconnect, "io server disconnect", false},
      {io_client_disconnect, "io client disconnect", false},
  };
  for (auto const& [reason, text, is_recoverable] : cases) {
    EXPECT_EQ(to_string(reason), text);
    EXPECT_EQ(recoverable(reason), is_recoverable) << text;
  }
}

TEST(socketio_reason, follows_from_the_end_of_the_session) {
  using from = engineio::close_reason;
  for (from const reason : {from::ping_timeout, from::transport_error, from::transport_close,
                            from::parse_error, from::forced_close}) {
    EXPECT_EQ(to_string(reason_of(reason)), engineio::to_string(reason));
  }
}

}  // namespace socketio_reason_test
