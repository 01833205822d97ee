// What siokit-replay prints, of bytes that anybody may have sent.
#include "story.hpp"

#include <gtest/gtest.h>

namespace story_test {

using namespace siokit;
using namespace siokit::engineio;

std::string told(session_input::kind type, std::string_view data, transport first = transport::websocket) {
  server_config const config;
  server_session const session(config, sid("a"), first, time_point());
  replayed step{.session = 1, .state = &session};
  step.entry.type = recorded::kind::input;
  step.entry.input = {.type = type, .name = 1, .data = {frame_kind::text, data}};
  return tell(step, 1000).what;
}

TEST(story, nothing_that_a_terminal_obeys) {
  std::string const text = told(session_input::kind::receive,
                                "4\x1b[2J\x7f\r\n a\xC2\x9B"
                                "2J \xE2\x80\xAE \xE2\x80\xA8 \xE2\x81\xA6 \xC3\xA9 \xE2\x82\xAC");
  EXPECT_NE(text.find("a..2J ... ... ... \xC3\xA9 \xE2\x82\xAC"), std::string::npos) << text;
  for (char const c : text) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}

TEST(story, forms_within_forms_are_opened_once) {
  std::string body;
  for (int i = 0; i < 500'000; ++i) body += "d=";
  EXPECT_LT(told(session_input::kind::post_received, body, transport::polling).size(), 5000u);
}

}  // namespace story_test
