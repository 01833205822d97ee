#include "siokit/core/msgpack_json.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <random>
#include <string>

namespace core_msgpack_json_test {

using namespace siokit;

std::string hex(std::string_view digits) {
  std::string out;
  int high = -1;
  for (char const c : digits) {
    if (c == ' ') continue;
    int const value = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = value;
    } else {
      out += static_cast<char>(high << 4 | value);
      high = -1;
    }
  }
  return out;
}

struct outcome {
  errc code = errc::ok;
  std::string json{};
  std::vector<std::string> binaries{};
};
outcome read(std::string const& in, std::uint16_t depth = 16, std::size_t count = 16) {
  outcome out;
  std::vector<bytes_view> found;
  if (auto const done = msgpack_to_json(in, depth, {&found, count}, out.json); !done) {
    EXPECT_EQ(done.error().blame, side::remote);
    out.code = done.error().code;
  }
  for (auto const each : found) out.binaries.emplace_back(as_text(each));
  return out;
}
std::string json(std::string_view digits) {
  auto const out = read(hex(digits));
  return out.code == errc::ok ? out.json : std::string(to_string(out.code));
}
std::string written(std::string_view text) {
  EXPECT_TRUE(scan_json(text)) << text;
  std::string out;
  json_to_msgpack(text, {}, out);
  return out;
}

TEST(msgpack_json, reads_as_javascript_would_print_it) {
  EXPECT_EQ(json("c0"), "null");
  EXPECT_EQ(json("c2"), "false");
  EXPECT_EQ(json("c3"), "true");
  EXPECT_EQ(json("cf0020000000000001"), "9007199254740993");
  EXPECT_EQ(json("d38000000000000000"), "-9223372036854775808");
  EXPECT_EQ(json("cb3fb999999999999a"), "0.1");
  EXPECT_EQ(json("ca3dcccccd"), "0.10000000149011612");  // a float 32 is what it is as a double
  EXPECT_EQ(json("cb7ff0000000000000"), "null");
  EXPECT_EQ(json("cbfff0000000000000"), "null");
  EXPECT_EQ(json("cb7ff8000000000000"), "null");
  EXPECT_EQ(json("cb8000000000000000"), "0");
  EXPECT_EQ(json("a3612200"), R"("a\"\u0000")");
  EXPECT_EQ(json("90"), "[]");
  EXPECT_EQ(json("80"), "{}");
  EXPECT_EQ(json("9301 9280c0 81a16190"), R"([1,[{},null],{"a":[]}])");
  EXPECT_EQ(json("82a16101a16102"), R"({"a":1,"a":2})");
}

TEST(msgpack_json, reads_undefined_and_dates) {
  EXPECT_EQ(json("d40000"), "null");
  EXPECT_EQ(json("d7000000000000000000"), R"("1970-01-01T00:00:00.000Z")");
  EXPECT_EQ(json("d7 00 ffffffff ffffffff"), R"("1969-12-31T23:59:59.999Z")");
  EXPECT_EQ(json("d7 00 0000018d f4dc5180"), R"("2024-02-29T12:34:56.000Z")");
  EXPECT_EQ(json("d7 00 001eb208c2dc0000"), R"("+275760-09-13T00:00:00.000Z")");  // the last, and the first
  EXPECT_EQ(json("d7 00 ffe14df73d240000"), R"("-271821-04-20T00:00:00.000Z")");
  EXPECT_EQ(json("d7 00 001eb208c2dc0001"), "null");
  EXPECT_EQ(json("d7 00 8000000000000000"), "null");
  EXPECT_EQ(json("d6ff 65e079f0"), R"("2024-02-29T12:34:56.000Z")");
  EXPECT_EQ(json("d7ff 2e03c90065e079f0"), R"("2024-02-29T12:34:56.193Z")");
  EXPECT_EQ(json("c70cff 3b9ac9ff ffffffffffffffff"), R"("1969-12-31T23:59:59.999Z")");
  EXPECT_EQ(json("c70cff 3b9aca00 0000000000000000"), to_string(errc::bad_msgpack));
  EXPECT_EQ(json("c70cff 00000000 7fffffffffffffff"), "null");
  EXPECT_EQ(json("c70cff 00000000 8000000000000000"), "null");
  EXPECT_EQ(json("d4ff00"), R"([-1,{"_placeholder":true,"num":0}])");
}

/// Day by day, with the calendar of the standard library.
TEST(msgpack_json, dates_agree_with_chrono) {
  for (int days = -800'000; days < 3'000'000; days += 97) {
    std::chrono::year_month_day const date{std::chrono::sys_days{std::chrono::days{days}}};
    std::string out;
    impl::write_iso_date(out, std::int64_t{days} * 86'400'000 + 86'399'999);
    char expected[64];
    int const year = static_cast<int>(date.year());
    std::snprintf(expected, sizeof expected,
                  year < 0      ? "\"-%06d-%02u-%02uT23:59:59.999Z\""
                  : year > 9999 ? "\"+%06d-%02u-%02uT23:59:59.999Z\""
                                : "\"%04d-%02u-%02uT23:59:59.999Z\"",
                  std::abs(year), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    ASSERT_EQ(out, expected) << days;
  }
}

TEST(msgpack_json, puts_binary_data_beside) {
  auto const out = read(hex("93 c4020001 81a162c400 c7010007"));
  EXPECT_EQ(
      out.json,
      R"([{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":2}])");
  EXPECT_EQ(out.binaries, (std::vector<std::string>{hex("0001"), "", hex("07")}));
  EXPECT_EQ(json("d50501ff"), R"([5,{"_placeholder":true,"num":0}])");
  EXPECT_EQ(read(hex("92c400c400"), 16, 1).code, errc::too_many_attachments);
  std::string buffer;
  ASSERT_TRUE(msgpack_to_json(hex("92c40200ffc400"), 1, {nullptr, 2}, buffer));
  EXPECT_EQ(buffer, R"([{"type":"Buffer","data":[0,255]},{"type":"Buffer","data":[]}])");
  EXPECT_EQ(msgpack_to_json(hex("92c40200ffc400"), 1, {nullptr, 1}, buffer).error().code,
            errc::too_many_attachments);
}

TEST(msgpack_json, refuses_what_is_broken) {
  EXPECT_EQ(read("").code, errc::bad_msgpack);
  EXPECT_EQ(read(hex("c1")).code, errc::bad_msgpack);
  EXPECT_EQ(read(hex("0101")).code, errc::bad_msgpack);    // more than one
  EXPECT_EQ(read(hex("810101")).code, errc::bad_msgpack);  // keys are text
  EXPECT_EQ(read(hex("81c001")).code, errc::bad_msgpack);
  EXPECT_EQ(read(hex("8190c0")).code, errc::bad_msgpack);
  EXPECT_EQ(read(hex("a1ff")).code, errc::bad_utf8);
  EXPECT_EQ(read(hex("a3eda080")).code, errc::bad_utf8);
  EXPECT_EQ(read(hex("81a1ffc0")).code, errc::bad_utf8);
  EXPECT_EQ(read(std::string(16, '\x91') + '\x01').code, errc::ok);
  EXPECT_EQ(read(std::string(17, '\x91') + '\x01').code, errc::json_too_deep);
  EXPECT_EQ(read(std::string(1'000'000, '\x91')).code, errc::json_too_deep);
  EXPECT_EQ(read(hex("81a161"), 0).code, errc::json_too_deep);
}

TEST(msgpack_json, its_json_is_at_most_six_times_as_long) {
  auto const many = [](std::string const& one) {
    std::string out = "\xDC\x03\xE8";  // an array of 1,000
    for (int i = 0; i < 1000; ++i) out += one;
    return out;
  };
  std::string const escaped = "\xDA\x03\xE8" + std::string(1000, '\x01');  // a text of 1,000
  for (std::string const& in :
       {many(hex("c0")), many(hex("c2")), many(hex("ca80800001")), many(hex("cb8010000000000001")), escaped,
        many(hex("81a0c2")), many(hex("a101")), many(hex("d4 00 00")), many(hex("d7000000000000000000")),
        many(hex("d6ff00000000")), many(hex("d3 8000000000000000")), many(hex("90")), many(hex("80"))}) {
    auto const out = read(in);
    ASSERT_EQ(out.code, errc::ok);
    EXPECT_LE(out.json.size(), 6 * in.size()) << out.json.substr(0, 40);
  }
  auto const out = read(many(hex("c400")), 16, 1000);
  ASSERT_EQ(out.binaries.size(), 1000u);
  EXPECT_LE(out.json.size(), 6 * (3 + 2 * 1000) + 100 * 1000u);
}

TEST(msgpack_json, refuses_every_beginning_of_a_value) {
  std::string const whole = hex(
      "85a16193c0c3cb3fb999999999999aa162c403010203a163d70000000000000000ffa164ce00010000a165dc0001a2c3a9");
  ASSERT_EQ(read(whole).code, errc::ok);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_EQ(read(whole.substr(0, cut)).code, errc::bad_msgpack) << cut;
  }
}

TEST(msgpack_json, writes_the_shortest_form) {
  struct {
    std::string_view json, digits;
  } const cases[] = {
      {"null", "c0"},
      {"true", "c3"},
      {"false", "c2"},
      {"0", "00"},
      {"-0", "00"},
      {"127", "7f"},
      {"128", "cc80"},
      {"256", "cd0100"},
      {"65536", "ce00010000"},
      {"4294967295", "ceffffffff"},
      {"4294967296", "cf0000000100000000"},
      {"9007199254740993", "cf0020000000000001"},
      {"18446744073709551615", "cfffffffffffffffff"},
      {"-1", "ff"},
      {"-32", "e0"},
      {"-33", "d0df"},
      {"-128", "d080"},
      {"-129", "d1ff7f"},
      {"-32769", "d2ffff7fff"},
      {"-2147483649", "d3ffffffff7fffffff"},
      {"-9223372036854775808", "d38000000000000000"},
      {"1e3", "cd03e8"},
      {"1.0", "01"},
      {"1.5", "cb3ff8000000000000"},
      {"18446744073709551616", "cb43f0000000000000"},
      {"-9223372036854775809", "cbc3e0000000000000"},
      {"1e999", "cb7ff0000000000000"},
      {"-1e999", "cbfff0000000000000"},
      {R"("")", "a0"},
      {R"("a\u00e9\n")", "a461c3a90a"},
      {R"("\ud83d\ude00")", "a4f09f9880"},
      {" [ ] ", "90"},
      {" { } ", "80"},
      {R"( [ 1 , [ ] , { "a" : [ 2 , 3 ] , "b" : { } } ] )", "930190 82a161920203a16280"},
  };
  for (auto const& [text, digits] : cases) EXPECT_EQ(written(text), hex(digits)) << text;
}

TEST(msgpack_json, writes_every_head) {
  for (std::size_t const size : {31u, 32u, 255u, 256u, 65535u, 65536u}) {
    std::string const text = '"' + std::string(size, 'x') + '"';
    EXPECT_EQ(read(written(text)).json, text);
    EXPECT_EQ(written(text).size(), size + (size < 32 ? 1 : size < 256 ? 2 : size < 65536 ? 3 : 5));
    std::string array = "[1", map = R"({"":1)";
    for (std::size_t i = 1; i < size; ++i) array += ",1", map += R"(,"":1)";
    array += ']', map += '}';
    EXPECT_EQ(read(written(array)).json, array);
    EXPECT_EQ(written(array).size(), size + (size < 65536 ? 3 : 5));
    EXPECT_EQ(read(written(map)).json, map);
    std::string const data(size, '\0');
    json_binary const all[] = {{0, 2, as_bytes(data)}};
    std::string out;
    json_to_msgpack("{}", all, out);
    EXPECT_EQ(read(out).binaries, std::vector<std::string>{data});
    EXPECT_EQ(out.size(), size + (size < 256 ? 2 : size < 65536 ? 3 : 5));
  }
}

TEST(msgpack_json, puts_binary_data_back) {
  std::string const text = R"([1,{"_placeholder":true,"num":1},{"x":{"_placeholder":true,"num":0}}])";
  std::string const a = "a", b = "bb";
  json_binary const all[] = {{3, 32, as_bytes(b)}, {38, 67, as_bytes(a)}};
  ASSERT_EQ(text.substr(3, 29), R"({"_placeholder":true,"num":1})");
  ASSERT_EQ(text.substr(38, 29), R"({"_placeholder":true,"num":0})");
  std::string out;
  json_to_msgpack(text, all, out);
  EXPECT_EQ(out, hex("9301 c4026262 81a178c40161"));
}

/// Random JSON survives the way there and back; random bytes never do harm.
TEST(msgpack_json, round_trips_and_noise) {
  std::mt19937 random(7);
  auto const pick = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  auto const grow = [&](auto&& self, std::string& out, unsigned depth) -> void {
    switch (pick(depth > 5 ? 5 : 7)) {
      case 0: out += "null"; break;
      case 1: out += pick(2) ? "true" : "false"; break;
      case 2: json_write(out, static_cast<std::int64_t>(random()) * (pick(2) ? 1 : -1) << pick(31)); break;
      case 3: json_write(out, static_cast<double>(random()) / 1000.5); break;
      case 4: json_write(out, std::string(pick(40), static_cast<char>(pick(128)))); break;
      case 5:
        out += '[';
        for (unsigned i = pick(8); i > 0; --i) self(self, out, depth + 1), out += i > 1 ? "," : "";
        out += ']';
        break;
      default:
        out += '{';
        for (unsigned i = pick(8); i > 0; --i) {
          json_write(out, std::string(pick(5), 'k'));
          out += ':';
          self(self, out, depth + 1), out += i > 1 ? "," : "";
        }
        out += '}';
    }
  };
  for (int i = 0; i < 300; ++i) {
    std::string text;
    grow(grow, text, 0);
    std::string packed = written(text);
    ASSERT_EQ(read(packed).json, text);
    for (unsigned n = pick(4); n > 0; --n)
      packed[pick(static_cast<unsigned>(packed.size()))] = static_cast<char>(random());
    auto const broken = read(packed);
    if (broken.code == errc::ok) {
      EXPECT_TRUE(scan_json(broken.json)) << broken.json;
    }
    std::string noise(pick(64), '\0');
    for (char& each : noise) each = static_cast<char>(random());
    static_cast<void>(read(noise));
  }
}

}  // namespace core_msgpack_json_test
