// Micro-benchmarks of the pure core.   SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include "siokit/core/utf8.hpp"
#include "siokit/hub/server.hpp"

namespace {

using namespace siokit;

void scan_json_of(benchmark::State& state) {
  std::string const text =
      R"(["say",")" + std::string(static_cast<std::size_t>(state.range(0)), 'x') + R"(",{"a":[1,2,3]}])";
  for (auto _ : state) benchmark::DoNotOptimize(scan_json(text));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(scan_json_of)->Arg(32)->Arg(1024)->Arg(65536);

void validate_utf8(benchmark::State& state) {
  std::string text;
  while (text.size() < static_cast<std::size_t>(state.range(0))) text += "\xD0\xAF plain text \xE2\x82\xAC ";
  for (auto _ : state) benchmark::DoNotOptimize(utf8_valid(text));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(validate_utf8)->Arg(64)->Arg(65536);

void decode_event(benchmark::State& state) {
  socketio::decoder decoder;
  socketio::decoder_limits const limits;
  for (auto _ : state) {
    benchmark::DoNotOptimize(decoder.feed({frame_kind::text, R"(21["say","hello-hello-hello",42])"}, limits));
  }
}
BENCHMARK(decode_event);

void encode_event(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(socketio::encode_event("/", {}, "said", "hello-hello-hello", 42));
}
BENCHMARK(encode_event);

/// Everything between the WebSocket frame and the frame of the answer.
void acked_event_through_the_hub(benchmark::State& state) {
  engineio::server engine({});
  hub::server io(engine, {}, [n = std::uint8_t{0}](std::span<std::uint8_t, 12> out) mutable {
    for (auto& byte : out) byte = ++n;
  });
  io.on("say", [](std::string_view text, hub::ack reply) { reply(text); });
  time_point const now{};
  engine.request(exchange{1}, {"GET", "/engine.io/?EIO=4&transport=websocket", {}, "", false, true}, now);
  io.drain(now);
  auto const accepted = engine.poll_response();
  static_cast<void>(engine.wire_opened(accepted->session, wire{1}, now));
  io.drain(now);
  static_cast<void>(engine.receive(accepted->session, wire{1}, {frame_kind::text, "40"}, now));
  io.drain(now);
  for (auto _ : state) {
    static_cast<void>(engine.receive(accepted->session, wire{1},
                                     {frame_kind::text, R"(421["say","hello-hello-hello"])"}, now));
    io.drain(now);
    while (auto const ready = engine.poll_ready()) {
      while (auto out = engine.poll_transmit(*ready, wire{1})) benchmark::DoNotOptimize(out->data.frames());
    }
  }
}
BENCHMARK(acked_event_through_the_hub);

}  // namespace

BENCHMARK_MAIN();
