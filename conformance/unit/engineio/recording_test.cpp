// What is recorded can be read, is replayed as it was, and does not say what a mask hides.
#include <cmath>

#include "siokit/socketio/packet.hpp"
#include "world.hpp"

namespace engineio_recording_test {

using namespace engineio_test;

constexpr std::string_view secret = "s3cr3tT0ken";
constexpr recording_mask masks[] = {recording_mask::none, recording_mask::secrets,
                                    recording_mask::everything};

/// What a session does, and what of its packets is left under the mask `secrets`.
struct scene {
  std::string_view name;
  void (*play)(world&);
  bool secrets = true;  ///< it has some that this mask hides
};

std::string connect() {
  return R"(40/chat?key=)" + std::string(secret) + R"(,{"token":")" + std::string(secret) +
         R"(","n":-12.5e3,"ok":[true,null]})";
}

std::string base64(std::string_view data) {
  std::string out(base64_encoded_size(data.size()), '\0');
  base64_encode(data, out.data());
  return out;
}

/// A CONNECT as socket.io-msgpack-parser writes it, more or less.
std::string msgpack_connect() {
  return std::string("\x83\xA4type\0\xA4", 7) + "data\x81\xA5token\xAB" + std::string(secret) +
         "\xA3nsp\xA1/";
}

void by_websocket(world& w) {
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  w.receive(wire, connect());
  w.receive(wire, R"(42["hello",{"a":"b\n"},1])");
  w.receive(wire, std::string("\0\1\2", 3), frame_kind::binary);
  auto quiet =
      text_message(R"(40{"sid":")" + std::string(secret) + R"(","pid":")" + std::string(secret) + "\"}");
  quiet.no_compress();
  EXPECT_TRUE(w.server_.send(w.opened_, quiet));
  w.pump();
  w.pass(30s);
  w.receive(wire, "3");
  w.receive(wire, "9");
}

void by_polling(world& w) {
  w.open_polling();
  w.get("EIO=4&transport=polling&sid=sid1");
  w.post("EIO=4&transport=polling&sid=sid1", connect() + "\x1e" + R"(42["h\u00e9","\"quoted\""])" + "\x1e" +
                                                 "b" + base64("bytes") + "\x1e" + "3");
  exchange const last = w.get("EIO=4&transport=polling&sid=sid1");
  w.post("EIO=4&transport=polling&sid=sid1", "4good\x1e" + std::string("4\xFF"));
  w.abort(last);
}

void by_upgrade(world& w) {
  w.open_polling();
  w.post("EIO=4&transport=polling&sid=sid1", connect());
  wire const wire = w.open_wire("EIO=4&transport=websocket&sid=sid1");
  w.receive(wire, "2probe");
  w.get("EIO=4&transport=polling&sid=sid1");
  w.pass(1s);
  w.receive(wire, "5");
  w.receive(wire, connect());
  w.server_.close(w.opened_, w.now_);
  w.pump();
}

void by_revision3(world& w) {
  w.get("EIO=3&transport=polling");
  w.get("EIO=3&transport=polling&sid=sid1");
  std::string const text = "4\xE2\x82\xAC\xF0\x9F\x98\x80 and more", auth = connect();
  std::string const parts =
      std::to_string(utf16_size(text)) + ":" + text + std::to_string(auth.size()) + ":" + auth;
  w.post("EIO=3&transport=polling&sid=sid1", parts + "1:2" + "10:b4" + base64("sixsix"));
  w.get("EIO=3&transport=polling&sid=sid1");
  w.post("EIO=3&transport=polling&sid=sid1", "99:" + auth);
}

void by_jsonp(world& w) {
  w.get("EIO=4&transport=polling&j=7");
  w.post("EIO=4&transport=polling&sid=sid1",
         "a=1&d=" +
             percent_encode(connect() + "\x1e" + R"(42["a\\nb","c+d&e%","\n"])" + "\x1e" + "4\xE2\x80\xA8"));
  w.get("EIO=4&transport=polling&sid=sid1");
  w.post("EIO=4&transport=polling&sid=sid1", "nothing=" + std::string(secret));
  w.server_.close(w.opened_, w.now_);
  w.pump();
  w.pass(1min);
}

void by_msgpack(world& w) {
  w.echo_ = false;
  wire const wire = w.open_wire("EIO=4&transport=websocket&b64=1");
  w.receive(wire, msgpack_connect(), frame_kind::binary);
  w.receive(wire, "b" + base64(msgpack_connect()));
  w.get("EIO=4&transport=polling");
  w.post("EIO=4&transport=polling&sid=sid2", "b" + base64(msgpack_connect()));
  EXPECT_TRUE(w.server_.send(w.opened_, binary_message(as_bytes(msgpack_connect()))));
  w.pump();
  w.lose(wire);
}

void that_reads_nothing(world& w) {
  w.open_polling();
  for (int i = 0; i < 40; ++i) {
    message_builder grown(1, 3);
    grown.append(std::string(100u + static_cast<unsigned>(i) * 7, 'x'));
    grown.prepend("4");
    grown.close_text();
    static_cast<void>(w.server_.send(w.opened_, grown.finish()));
  }
  w.pump();
}

void above_its_rate(world& w) {
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  for (int i = 0; i < 20; ++i) w.receive(wire, R"(42["rate"])");
  EXPECT_NE(w.events().find("closed transport error"), std::string::npos);
}

constexpr scene scenes[] = {{"WebSocket", by_websocket},
                            {"polling", by_polling},
                            {"upgrade", by_upgrade},
                            {"revision 3", by_revision3},
                            {"JSONP", by_jsonp},
                            {"MessagePack", by_msgpack},
                            {"full", that_reads_nothing, false},
                            {"rate", above_its_rate, false}};

server_config config() {
  server_config out;
  out.allow_eio3 = true;
  out.initial_packet = text_message("4welcome");
  out.outbox_bytes_max = 8'000;
  out.packet_rate = {10, 12};
  return out;
}

std::string record(scene const& each, recording_mask mask) {
  world w(config(), mask);
  w.admit_ = true;
  each.play(w);
  return w.tape_.bytes;
}

TEST(engineio_recording, every_scene_is_replayed_as_it_was_under_every_mask) {
  for (scene const& each : scenes) {
    for (auto const mask : masks) {
      EXPECT_EQ(problem_of(record(each, mask)), "") << each.name << ' ' << to_string(mask);
    }
  }
}

TEST(engineio_recording, masks_hide_what_they_say) {
  for (scene const& each : scenes) {
    EXPECT_EQ(record(each, recording_mask::none).find(secret) != std::string::npos, each.secrets)
        << each.name;
    for (auto const mask : {recording_mask::secrets, recording_mask::everything}) {
      std::string const file = record(each, mask);
      for (std::string_view const part : {secret, std::string_view("sid1"), secret.substr(0, 4)}) {
        EXPECT_EQ(file.find(part), std::string::npos) << each.name << ' ' << to_string(mask) << ' ' << part;
      }
      EXPECT_EQ(file.find(base64(msgpack_connect()).substr(10, 12)), std::string::npos) << each.name;
    }
    std::string const file = record(each, recording_mask::everything);
    for (std::string_view const part : {"hello", "quoted", "good", "and more", "welcome", "bytes"}) {
      EXPECT_EQ(file.find(part), std::string::npos) << each.name << ' ' << part;
    }
  }
}

TEST(engineio_recording, secrets_in_odd_places) {
  auto const masked = [](std::string text) {
    engineio::impl::mask_packet(text, frame_kind::text, 4, recording_mask::secrets);
    return text;
  };
  EXPECT_EQ(masked("40/a?token=5f3e-9A_%41&b,{}"), "40/a?xxxxx=xxxxxxxxxxx&x,{}") << "of Socket.IO 2";
  EXPECT_EQ(masked("40/a?token=5f3e"), "40/a?xxxxx=xxxx");
  EXPECT_EQ(masked(R"(42/admin,["session","5f3e"])"), R"(42/admin,["xxxxxxx","xxxx"])");
  EXPECT_EQ(masked(R"(43/admin,7[{"cookie":"a"}])"), R"(43/admin,1[{"xxxxxx":"x"}])");
  EXPECT_EQ(masked(R"(42/administrators,["a"])"), R"(42/administrators,["a"])");
  for (std::string const& head : {std::string("\0\x09\x09\xFF", 4), std::string("\0\x09\x09", 3)}) {
    for (auto const mask : {recording_mask::secrets, recording_mask::everything}) {
      std::string body = head + std::string(secret);  // shorter than it says, or without an end of its length
      engineio::impl::mask_payload(body, payload_form::binary, mask);
      EXPECT_EQ(body.find_first_of(secret), std::string::npos);
      EXPECT_EQ(body.size(), head.size() + secret.size());
    }
  }
}

TEST(engineio_recording, what_a_mask_leaves_is_still_a_packet) {
  for (std::string_view const text :
       {R"(0{"token":"a\"b\u00e9","n":-12.5e+3,"t":[true,false,null,0,"true"]})", R"(0/chat,{"a":1e5})", "0",
        "0/x", R"(51-/adm1n,12["ev",{"_placeholder":true,"num":0}])", R"(2["\\","\n",[]])", R"(313["x"])"}) {
    for (auto const mask : {recording_mask::secrets, recording_mask::everything}) {
      std::string masked = "4" + std::string(text);
      engineio::impl::mask_packet(masked, frame_kind::text, 4, mask);
      EXPECT_EQ(masked.size(), text.size() + 1);
      auto const before = socketio::decode_packet(text, {}),
                 after = socketio::decode_packet(std::string_view(masked).substr(1), {});
      ASSERT_TRUE(before && after) << text << ' ' << masked;
      EXPECT_EQ(after->type, before->type);
      EXPECT_EQ(after->attachments, before->attachments);
      EXPECT_EQ(after->has_id, before->has_id);
      EXPECT_EQ(after->summary.count, before->summary.count);
    }
  }
}

TEST(engineio_recording, masks_of_bytes_that_are_no_packet_keep_their_lengths) {
  std::uint32_t state = 1;
  constexpr char alphabet[] = "40b{}\"\\:/,ntrue8\x1e\xC3\xA9\xE2\x80\xA8\xFF\0\1=&%d+u9";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (int i = 0; i < 12; ++i)
      text += alphabet[((state = state * 1103515245u + 12345u) >> 16) % (sizeof alphabet - 1)];
    for (auto const form : {payload_form::separated, payload_form::text, payload_form::binary}) {
      std::string masked = text;
      engineio::impl::mask_payload(masked, form, recording_mask::everything);
      EXPECT_EQ(masked.size(), text.size());
      if (form != payload_form::binary) {
        EXPECT_EQ(utf16_size(masked), utf16_size(text)) << text;
        EXPECT_EQ(utf8_valid(masked), utf8_valid(text)) << text;
      }
    }
  }
}

/// Reads and replays as far as that goes. Whether it is a whole recording that happens again.
bool reads(std::string_view file) {
  std::string const exact(file);  // so that a read behind its end is found
  return problem_of(exact).empty();
}

TEST(engineio_recording, cut_anywhere_it_ends_early) {
  for (scene const& each : scenes) {
    std::string const file = record(each, recording_mask::none);
    std::size_t whole = 0;
    for (std::size_t size = 0; size < file.size(); ++size) {
      std::string const problem = problem_of(file.substr(0, size));
      EXPECT_TRUE(problem.empty() || problem == "it ends early" || problem == "it is none") << problem;
      whole += problem.empty() ? 1 : 0;
    }
    EXPECT_LT(whole, file.size() / 5);  // between two entries
  }
}

TEST(engineio_recording, a_changed_byte_is_found) {
  for (scene const& each : scenes) {
    std::string const file = record(each, recording_mask::none);
    std::size_t const head = file.find('\n') + 1;
    std::size_t found = 0;
    for (std::size_t at = head; at < file.size(); ++at) {
      std::string changed = file;
      changed[at] = static_cast<char>(changed[at] ^ 1);
      found += reads(changed) ? 0 : 1;
    }
    if (!each.secrets) continue;  // most of it is thrown away
    // Not found is what a session does not look at: the last bits of a time, the number of a wire.
    EXPECT_GT(found, (file.size() - head) / 2) << each.name;
    std::string echoed = file;
    if (std::size_t const at = echoed.find("hello"); at != echoed.npos) {
      echoed[at] = 'j';
      EXPECT_EQ(problem_of(echoed).substr(0, 15), "another outcome");
    }
  }
}

TEST(engineio_recording, arbitrary_bytes_do_no_harm) {
  std::uint32_t state = 7;
  auto const random = [&state] { return (state = state * 1664525u + 1013904223u) >> 16; };
  for (scene const& each : scenes) {
    std::string const file = record(each, recording_mask::secrets);
    for (int round = 0; round < 300; ++round) {
      std::string changed = file;
      for (int i = 0; i < 1 + round % 5; ++i) {
        std::size_t const at = random() % changed.size();
        if (round % 3 == 0) changed[at] = static_cast<char>(random());
        if (round % 3 == 1) changed.erase(at, random() % 9);
        if (round % 3 == 2) changed.insert(at, file, random() % file.size(), random() % 99);
      }
      static_cast<void>(reads(changed));
    }
  }
  EXPECT_FALSE(reads("siokit-recording 2 none\n"));
  EXPECT_FALSE(reads("siokit-recording 1 none"));
  EXPECT_FALSE(reads("siokit-recording 1 some\n"));
  EXPECT_TRUE(reads("siokit-recording 1 none\n"));
}

/// One entry there and back.
recorded again(session_input const& in, time_point now = time_point(1h)) {
  tape tape(recording_mask::none);
  server_config const options;
  session_start const start{sid("id"), transport::websocket, true, 3};
  server_session const session(options, start.id, start.first, now, start.base64_only, start.revision);
  tape.on_start(9, options, start, now);
  tape.on_input(9, session, in);
  auto reader = *recording_reader::open(tape.bytes);
  EXPECT_EQ((**reader.next()).type, recorded::kind::options);
  recorded const begun = **reader.next();
  EXPECT_EQ(begun.begin.id, start.id);
  EXPECT_EQ(begun.begin.first, start.first);
  EXPECT_TRUE(begun.begin.base64_only);
  EXPECT_EQ(begun.begin.revision, 3);
  recorded out = **reader.next();
  EXPECT_EQ(out.slot, 9u);
  EXPECT_EQ(out.type, recorded::kind::input);
  EXPECT_EQ(out.input.type, in.type);
  EXPECT_FALSE(*reader.next());
  // What is viewed goes with the tape, so it is looked at here.
  std::string_view const data = in.type == session_input::kind::post_received
                                    ? std::string_view(in.body.data(), in.body.size())
                                    : in.data.data;
  EXPECT_EQ(out.input.data.data, data);
  EXPECT_EQ(out.input.data.kind, in.data.kind);
  EXPECT_EQ(out.input.item.frames(), in.item.frames());
  EXPECT_EQ(out.input.item.cost(), in.item.cost());
  EXPECT_EQ(out.input.item.compress(), in.item.compress());
  EXPECT_EQ(out.input.why, in.why);
  EXPECT_EQ(out.input.flag, in.flag);
  EXPECT_EQ(out.input.name, in.name);
  return out;
}

TEST(engineio_recording, each_input_there_and_back) {
  using kind = session_input::kind;
  time_point const now(1h), after(1h + 5ms), before(59min);
  std::uint64_t const large = UINT64_MAX - 1;
  EXPECT_EQ(again({.type = kind::wire_opened, .name = 1, .now = after}).at, 5ms);
  EXPECT_EQ(
      again({.type = kind::receive, .name = large, .now = before, .data = {frame_kind::binary, "\x80"}}).at,
      -1min);
  EXPECT_EQ(again({.type = kind::wire_lost, .name = 2, .why = {errc::ws_bad_close, side::remote, 77}}).at,
            0ms);
  again({.type = kind::wire_lost, .name = 2, .why = {errc::ws_bad_handshake, side::local, UINT32_MAX}});
  again({.type = kind::poll_opened, .name = 3, .now = now});
  again({.type = kind::post_opened, .name = 4, .flag = true});
  std::string body = "4body";
  again({.type = kind::post_received, .name = 5, .now = now, .body = body});
  again({.type = kind::post_too_large, .name = 6});
  again({.type = kind::exchange_aborted, .name = 7});
  again({.type = kind::set_jsonp, .data = {frame_kind::text, "12"}});
  again({.type = kind::advance, .now = later(now, 24h * 365 * 70)});
  again({.type = kind::close, .now = now, .flag = true});
  again({.type = kind::send});
  again({.type = kind::break_off});
  for (std::size_t const size : {0u, 1u, 125u, 126u, 300u, 70'000u}) {
    message_builder parts(1, size == 1 ? 1'000'000 : 20);  // of a list, whose length was guessed
    parts.append(std::string(size, 'a'));
    parts.prepend("4");
    parts.close_text();
    parts.attach(as_bytes(std::string(size, '\0')));
    message item = parts.finish();
    if (size == 300) item.no_compress();
    again({.type = kind::send, .item = item});
  }
}

TEST(engineio_recording, sessions_share_a_file_and_slots_are_used_again) {
  world w(config(), recording_mask::none);
  for (int i = 0; i < 3; ++i) {
    wire const one = w.open_wire("EIO=4&transport=websocket"),
               other = w.open_wire("EIO=4&transport=websocket");
    w.receive(other, "4b");
    w.receive(one, "4a");
    w.lose(one);
    w.lose(other);
  }
  auto all = *replay::open(w.tape_.bytes);
  std::size_t closed = 0;
  while (auto const step = *all.next()) {
    EXPECT_FALSE(step->differs);
    closed += step->event && step->event->type == session_event::kind::closed ? 1 : 0;
  }
  EXPECT_EQ(all.sessions(), 6u);
  EXPECT_EQ(closed, 6u);
}

TEST(engineio_recording, options_that_are_not_given_have_their_defaults) {
  std::string file = "siokit-recording 1 none\n";
  file += std::string("\x04\0\0\0\x07", 5);  // ping_interval alone
  auto all = *replay::open(file);
  ASSERT_TRUE(*all.next());
  EXPECT_EQ(all.options().ping_interval, 7ns);
  EXPECT_EQ(all.options().ping_timeout, server_config().ping_timeout);
  EXPECT_EQ(all.options().packet_rate, server_config().packet_rate);
}

TEST(engineio_recording, options_may_be_extreme) {
  for (rate_limit const rate : {rate_limit(0.0001, 1e6), rate_limit(1000, HUGE_VAL), rate_limit(1e300)}) {
    tape tape(recording_mask::none);
    tape.on_start(0, {.packet_rate = rate}, {.id = sid("a")}, time_point(1h));
    EXPECT_EQ(problem_of(tape.bytes), "");
    auto all = *replay::open(tape.bytes);
    while (*all.next()) continue;
    EXPECT_EQ(all.options().packet_rate, rate);
  }
}

TEST(engineio_recording, what_memory_has_broken_off_is_broken_off_again) {
  tape tape(recording_mask::none);
  server_config const options;
  time_point const now(1h);
  server_session session(options, sid("a"), transport::websocket, now);
  tape.on_start(0, options, {.id = sid("a"), .first = transport::websocket}, now);
  auto const feed = [&](session_input const& in) {
    tape.on_input(0, session, in);
    static_cast<void>(apply(session, in));
  };
  feed({.type = session_input::kind::wire_opened, .name = 1, .now = now});
  tape.on_event(0, now, session.poll_event(now));
  feed({.type = session_input::kind::break_off});
  auto const closed = session.poll_event(now);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->detail.code, errc::out_of_memory);
  tape.on_event(0, now, closed);
  EXPECT_EQ(problem_of(tape.bytes), "");
}

TEST(engineio_recording, answers_that_pile_up_are_of_no_host) {
  tape tape(recording_mask::none);
  server_config const options;
  server_session const session(options, sid("a"), transport::polling, time_point(1h));
  tape.on_start(0, options, {.id = sid("a")}, time_point(1h));
  for (std::uint64_t name = 1; name < 20; ++name) {
    tape.on_input(0, session,
                  {.type = session_input::kind::poll_opened, .name = name, .now = time_point(1h)});
  }
  EXPECT_EQ(problem_of(tape.bytes).substr(0, 9), "bad entry");
}

}  // namespace engineio_recording_test
