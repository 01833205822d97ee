#include "siokit/websocket/deflate.hpp"

#include <gtest/gtest.h>

namespace {

using namespace siokit;
using namespace siokit::websocket;

TEST(websocket_deflate, answers_that_agree) {
  EXPECT_EQ(read_deflate_answer(""), false);
  for (auto const text : {"permessage-deflate; server_no_context_takeover",
                          "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
                          "permessage-deflate; client_no_context_takeover ; server_no_context_takeover; "
                          "server_max_window_bits=15",
                          "permessage-deflate; server_max_window_bits=\"8\"; server_no_context_takeover"}) {
    EXPECT_EQ(read_deflate_answer(text), true) << text;
  }
}

TEST(websocket_deflate, answers_that_were_not_asked_for) {
  for (auto const text :
       {"permessage-deflate", "x-webkit-deflate-frame", "permessage-deflate; server_no_context_takeover, foo",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=15",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=16",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=\"",
        "permessage-deflate; server_no_context_takeover=1", ";", "; server_no_context_takeover"}) {
    EXPECT_EQ(read_deflate_answer(text).error().code, errc::ws_bad_handshake) << text;
  }
}

}  // namespace
