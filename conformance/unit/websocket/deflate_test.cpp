#include "siokit/websocket/deflate.hpp"

#include <gtest/gtest.h>

namespace websocket_deflate_test {

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

std::string chosen(std::string_view offers, deflate_parameters const& ready = {}) {
  auto const choice = choose_deflate(offers, ready);
  return choice ? choice->answer : "declined";
}

TEST(websocket_deflate, a_server_takes_the_first_offer_it_can) {
  std::string const both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  deflate_parameters const contexts{.server_no_context_takeover = false, .client_no_context_takeover = false};
  EXPECT_EQ(chosen("permessage-deflate"), both);
  EXPECT_EQ(chosen("permessage-deflate; client_max_window_bits"), both) << "what every browser offers";
  EXPECT_EQ(chosen("permessage-deflate; client_max_window_bits", contexts), "permessage-deflate");
  EXPECT_EQ(chosen("permessage-deflate;server_no_context_takeover", contexts),
            "permessage-deflate; server_no_context_takeover");
  EXPECT_EQ(chosen("permessage-deflate; client_no_context_takeover", contexts),
            "permessage-deflate; client_no_context_takeover");
  EXPECT_EQ(chosen("permessage-deflate; server_max_window_bits=10", contexts),
            "permessage-deflate; server_max_window_bits=10");
  EXPECT_EQ(chosen("permessage-deflate; server_max_window_bits=\"15\"", contexts),
            "permessage-deflate; server_max_window_bits=15");
  EXPECT_EQ(chosen("foo; bar=1, permessage-deflate; server_max_window_bits=8, permessage-deflate", contexts),
            "permessage-deflate");
}

TEST(websocket_deflate, windows_are_what_both_can_do) {
  deflate_parameters const small{false, false, 11, 12};
  EXPECT_EQ(chosen("permessage-deflate", small), "permessage-deflate; server_max_window_bits=11");
  EXPECT_EQ(chosen("permessage-deflate; client_max_window_bits", small),
            "permessage-deflate; server_max_window_bits=11; client_max_window_bits=12");
  EXPECT_EQ(chosen("permessage-deflate; client_max_window_bits=9; server_max_window_bits=13", small),
            "permessage-deflate; server_max_window_bits=11; client_max_window_bits=9");
  EXPECT_EQ(chosen("permessage-deflate; client_max_window_bits=14; server_max_window_bits=10", small),
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12");
}

TEST(websocket_deflate, offers_that_make_no_sense_are_declined) {
  for (auto const text :
       {"", ",", "x-webkit-deflate-frame", "permessage-deflate; foo", "permessage-deflate; ;",
        "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09", "permessage-deflate; client_max_window_bits=\"",
        "permessage-deflate; client_max_window_bits; client_max_window_bits"}) {
    EXPECT_EQ(chosen(text), "declined") << text;
  }
}

}  // namespace websocket_deflate_test
