// Micro-benchmarks of the pure core.   SPDX-License-Identifier: MIT
// With SIOKIT_ITERATIONS=n each runs just so often, to count its instructions: instructions.py.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdlib>

#include "core_server.hpp"
#include "siokit/core/base64.hpp"
#include "siokit/websocket/decoder.hpp"

namespace {

using namespace siokit;
using benchmark::DoNotOptimize;
using benchmark::State;

std::size_t arg_of(State const& state) {
  return static_cast<std::size_t>(state.range(0));
}
void count_bytes(State& state, std::size_t each) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(each));
}
std::string letters(std::size_t size) {
  return std::string(size, 'x');
}

// Scalars and bytes.

void json_scan_of_a_string(State& state) {
  std::string const text = R"(["say",")" + letters(arg_of(state)) + R"(",{"a":[1,2,3]}])";
  for (auto _ : state) DoNotOptimize(scan_json(text));
  count_bytes(state, text.size());
}

void json_scan_of_records(State& state) {
  std::string text = R"(["say")";
  while (text.size() < arg_of(state)) text += R"(,{"id":12345,"name":"Ada","tags":["a","b"],"ok":true})";
  text += ']';
  for (auto _ : state) DoNotOptimize(scan_json(text));
  count_bytes(state, text.size());
}

void utf8_of_ascii(State& state) {
  std::string const text = letters(arg_of(state));
  for (auto _ : state) DoNotOptimize(utf8_valid(text));
  count_bytes(state, text.size());
}

void utf8_of_many_scripts(State& state) {
  std::string text;
  while (text.size() < arg_of(state)) text += "\xD0\xAF plain text \xE2\x82\xAC \xF0\x9F\x98\x80 ";
  for (auto _ : state) DoNotOptimize(utf8_valid(text));
  count_bytes(state, text.size());
}

void base64_encoding(State& state) {
  std::string const in = letters(arg_of(state));
  std::string out(base64_encoded_size(in.size()), '\0');
  for (auto _ : state) {
    DoNotOptimize(base64_encode(in, out.data()));
    benchmark::ClobberMemory();
  }
  count_bytes(state, in.size());
}

void base64_decoding(State& state) {
  std::string in(base64_encoded_size(arg_of(state)), 'Q');
  std::string out(in.size(), '\0');
  for (auto _ : state) {
    DoNotOptimize(base64_decode(in, out.data()));
    benchmark::ClobberMemory();
  }
  count_bytes(state, in.size());
}

void masking(State& state) {
  std::string bytes = letters(arg_of(state));
  for (auto _ : state) {
    websocket::mask_bytes(bytes, 0x11223344);
    benchmark::ClobberMemory();
  }
  count_bytes(state, bytes.size());
}

// Frames and packets.

void websocket_decoding(State& state) {
  std::string const text = letters(arg_of(state));
  std::string frame(websocket::frame_header_max, '\0');
  frame.resize(
      websocket::encode_header(frame.data(), websocket::opcodes::text, true, text.size(), 0x11223344));
  std::string const head = frame;
  frame += text;
  websocket::decoder decoder(websocket::role::server, {.message_bytes_max = frame.size()});
  for (auto _ : state) {
    websocket::mask_bytes(std::span(frame).subspan(head.size()), 0x11223344);
    std::span<char> input(frame);
    DoNotOptimize(decoder.next(input));
  }
  count_bytes(state, frame.size());
}

void packet_decoding(State& state) {
  std::string const packet = R"(21["say",")" + letters(arg_of(state)) + R"(",42])";
  socketio::decoder decoder;
  socketio::decoder_limits const limits;
  for (auto _ : state) DoNotOptimize(decoder.feed({frame_kind::text, packet}, limits));
}

void packet_encoding(State& state) {
  std::string const text = letters(arg_of(state));
  for (auto _ : state) DoNotOptimize(socketio::encode_event("/", {}, "said", text, 42));
}

void args_reading(State& state) {
  std::string const json = R"(["say",")" + letters(32) + R"(",42,true,2.5,{"a":[1,2]}])";
  socketio::args const all(json, 6);
  for (auto _ : state) {
    DoNotOptimize(all.get<std::string_view>(1));
    DoNotOptimize(all.get<int>(2));
    DoNotOptimize(all.get<bool>(3));
    DoNotOptimize(all.get<double>(4));
    DoNotOptimize(all.raw(5));
  }
}

// Tables.

/// One more is waited for, the oldest is answered; so many wait.
void ack_table(State& state) {
  socketio::ack_table<std::uint64_t> table;
  std::uint64_t id = 0;
  time_point const at{std::chrono::seconds(1)};
  for (; id < arg_of(state); ++id) static_cast<void>(table.expect(id + 1, at, id));
  for (auto _ : state) {
    ++id;
    static_cast<void>(table.expect(id, at + std::chrono::nanoseconds(id), id));
    DoNotOptimize(table.settle(id - arg_of(state)));
  }
}

/// One of so many is armed again, as by each pong; the next deadline is asked for.
void deadline_lanes_of(State& state) {
  auto const keys = static_cast<std::uint32_t>(arg_of(state));
  deadline_lanes lanes(4);
  time_point now{};
  for (std::uint32_t key = 0; key < keys; ++key) lanes.arm(key, 0, now);
  std::uint32_t key = 0;
  for (auto _ : state) {
    now += std::chrono::nanoseconds(1);
    lanes.arm(key, static_cast<std::uint8_t>(1), now);
    key = (key + 7919) % keys;
    DoNotOptimize(lanes.next_deadline());
  }
}

// Whole servers.

/// Between the message of a WebSocket and the frame of the answer.
void acked_event(State& state) {
  bench::core_server server(1);
  server.io.on("say", [](std::string_view text, hub::ack reply) { reply(text); });
  std::string const packet = R"(421["say",")" + letters(arg_of(state)) + R"("])";
  for (auto _ : state) {
    server.now += std::chrono::milliseconds(1);  // nobody may send any number, or size, at once
    server.say(0, packet);
  }
  if (server.io.size() != 1) state.SkipWithError("the session has ended");
}

void broadcast_to(State& state) {
  bench::core_server server(static_cast<std::uint32_t>(arg_of(state)));
  std::string const text = letters(32);
  for (auto _ : state) {
    static_cast<void>(server.io.emit("news", text));
    DoNotOptimize(server.transmit());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// What malloc holds for each session that has joined "/" and is silent.
void idle_session(State& state) {
  double bytes = 0;
  for (auto _ : state) {
    std::size_t const before = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
    bench::core_server const server(static_cast<std::uint32_t>(arg_of(state)));
    bytes = static_cast<double>(::mallinfo2().uordblks + ::mallinfo2().hblkhd - before);
  }
  state.counters["bytes"] = bytes / static_cast<double>(state.range(0));
}

}  // namespace

int main(int argc, char** argv) {
  struct entry {
    char const* name;
    void (*run)(State&);
    std::vector<std::int64_t> args;
  };
  std::vector<std::int64_t> const sizes{64, 1 << 10, 1 << 16, 1 << 20};
  std::vector<std::int64_t> const messages{32, 1 << 10, 1 << 16};
  entry const all[] = {
      {"json_scan_of_a_string", json_scan_of_a_string, sizes},
      {"json_scan_of_records", json_scan_of_records, sizes},
      {"utf8_of_ascii", utf8_of_ascii, sizes},
      {"utf8_of_many_scripts", utf8_of_many_scripts, sizes},
      {"base64_encoding", base64_encoding, {64, 1 << 16}},
      {"base64_decoding", base64_decoding, {64, 1 << 16}},
      {"masking", masking, {64, 1 << 16}},
      {"websocket_decoding", websocket_decoding, messages},
      {"packet_decoding", packet_decoding, messages},
      {"packet_encoding", packet_encoding, messages},
      {"args_reading", args_reading, {6}},
      {"ack_table", ack_table, {1, 100, 10'000}},
      {"deadline_lanes", deadline_lanes_of, {100'000, 1'000'000}},
      {"acked_event", acked_event, messages},
      {"broadcast", broadcast_to, {1, 100, 10'000}},
      {"idle_session", idle_session, {10'000}},
  };
  char const* const iterations = std::getenv("SIOKIT_ITERATIONS");
  for (entry const& each : all) {
    for (std::int64_t const arg : each.args) {
      auto* const made = benchmark::RegisterBenchmark(each.name, each.run)->Arg(arg);
      if (iterations != nullptr) made->Iterations(std::atoi(iterations));
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
