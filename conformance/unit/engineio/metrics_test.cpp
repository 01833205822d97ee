// What an observer hears, and the page of metrics made of it.
#include "siokit/engineio/metrics.hpp"

#include <set>

#include "world.hpp"

namespace engineio_metrics_test {

using namespace engineio_test;

bool has(std::string const& page, std::string_view line) {
  return page.find("\n" + std::string(line) + "\n") != page.npos;
}

TEST(engineio_metrics, a_session_from_poll_to_websocket) {
  metrics counted;
  world w({.observer = &counted});
  w.get("EIO=4&transport=polling");
  w.post("EIO=4&transport=polling&sid=sid1",
         "4hello\x1e"
         "4x");
  std::string page = counted.text(w.server_);
  EXPECT_TRUE(page.starts_with("# HELP siokit_sessions Open sessions\n# TYPE siokit_sessions gauge\n"));
  EXPECT_TRUE(has(page, R"(siokit_sessions{transport="polling"} 1)"));
  EXPECT_TRUE(has(page, R"(siokit_sessions_opened_total{transport="polling"} 1)"));
  EXPECT_TRUE(has(page, R"(siokit_packets_received_total{transport="polling"} 2)"));
  EXPECT_TRUE(has(page, R"(siokit_received_bytes_total{transport="polling"} 6)"));
  EXPECT_TRUE(has(page, "siokit_queued_messages 2")) << "the echoes wait for a poll";
  EXPECT_TRUE(has(page, R"(siokit_packets_sent_total{transport="polling"} 1)")) << "the open packet";

  EXPECT_EQ(w.answer(w.get("EIO=4&transport=polling&sid=sid1")),
            "200 4hello\x1e"
            "4x");
  wire const wire = w.open_wire("EIO=4&transport=websocket&sid=sid1");
  w.receive(wire, "2probe");
  w.receive(wire, "5");
  w.receive(wire, "4abc");
  page = counted.text(w.server_);
  EXPECT_TRUE(has(page, R"(siokit_sessions{transport="polling"} 0)"));
  EXPECT_TRUE(has(page, R"(siokit_sessions{transport="websocket"} 1)"));
  EXPECT_TRUE(has(page, "siokit_upgrades_total 1"));
  EXPECT_TRUE(has(page, "siokit_queued_messages 0"));
  EXPECT_TRUE(has(page, R"(siokit_packets_sent_total{transport="polling"} 4)"))
      << "with the pong of the probe";
  EXPECT_TRUE(has(page, R"(siokit_packets_received_total{transport="websocket"} 1)"));
  w.lose(wire);
  page = counted.text(w.server_);
  EXPECT_TRUE(has(page, R"(siokit_sessions_closed_total{reason="transport close"} 1)"));
  EXPECT_TRUE(has(page, R"(siokit_sessions{transport="websocket"} 0)"));
}

TEST(engineio_observer, the_steps_of_an_upgrade) {
  struct steps final : observer {
    std::string log;
    void on_opened(server_session const&) noexcept override { log += "opened;"; }
    void on_upgrading(server_session const&) noexcept override { log += "upgrading;"; }
    void on_upgraded(server_session const&) noexcept override { log += "upgraded;"; }
  } seen;
  world w({.observer = &seen});
  w.get("EIO=4&transport=polling");
  wire const first = w.open_wire("EIO=4&transport=websocket&sid=sid1");
  EXPECT_EQ(seen.log, "opened;");
  w.receive(first, "2probe");
  w.receive(first, "2probe");
  EXPECT_EQ(seen.log, "opened;upgrading;");
  w.lose(first);
  wire const second = w.open_wire("EIO=4&transport=websocket&sid=sid1");
  w.receive(second, "2probe");
  w.receive(second, "5");
  EXPECT_EQ(seen.log, "opened;upgrading;upgrading;upgraded;");
}

TEST(engineio_metrics, pings_refusals_and_errors) {
  metrics counted;
  world w({.observer = &counted});
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  w.pass(25s);
  w.pass(30ms);
  w.receive(wire, "3");
  w.pass(25s);
  w.receive(wire, "4busy");
  w.pass(10s);
  w.receive(wire, "3");  // not timed
  w.get("EIO=4&transport=polling&sid=nobody");
  w.receive(wire, "x");
  std::string const page = counted.text(w.server_);
  EXPECT_TRUE(has(page, R"(siokit_ping_round_trip_seconds_bucket{le="0.025000"} 0)"));
  EXPECT_TRUE(has(page, R"(siokit_ping_round_trip_seconds_bucket{le="0.050000"} 1)"));
  EXPECT_TRUE(has(page, R"(siokit_ping_round_trip_seconds_bucket{le="+Inf"} 1)"));
  EXPECT_TRUE(has(page, "siokit_ping_round_trip_seconds_sum 0.030000"));
  EXPECT_TRUE(has(page, "siokit_ping_round_trip_seconds_count 1"));
  EXPECT_TRUE(has(page, R"(siokit_requests_refused_total{code="1"} 1)"));
  EXPECT_TRUE(has(page, R"(siokit_errors_total{kind="unknown_packet_type"} 1)"));
  EXPECT_TRUE(has(page, R"(siokit_sessions_closed_total{reason="parse error"} 1)"));
}

TEST(engineio_metrics, errors_are_there_before_the_first_one_and_each_once) {
  metrics counted;
  world w({.observer = &counted});
  w.get("EIO=4&transport=polling");
  server_session const& session = *w.server_.find(w.server_.sessions().front());
  std::string page = counted.text(w.server_);
  EXPECT_TRUE(has(page, R"(siokit_errors_total{kind="unknown_packet_type"} 0)"));
  EXPECT_EQ(page.find("poll_error"), page.npos) << "that is an error of clients";
  for (int code = 1; code < 256; ++code) {
    if (name_of(static_cast<errc>(code)) == "unknown") break;
    counted.on_protocol_error(session, {static_cast<errc>(code), side::remote, 0});
  }
  page = counted.text(w.server_);
  EXPECT_TRUE(has(page, R"(siokit_errors_total{kind="payload_too_large"} 1)"));
  EXPECT_TRUE(has(page, R"(siokit_errors_total{kind="poll_error"} 1)"));
  std::set<std::string> names;
  for (std::size_t at = 0, end = 0; (end = page.find('\n', at)) != page.npos; at = end + 1) {
    std::string const line = page.substr(at, end - at);
    EXPECT_TRUE(line[0] == '#' || names.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
}

}  // namespace engineio_metrics_test
