// An argument written into a packet, and read from it.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "siokit/core/json_scan.hpp"
#include "siokit/socketio/argument.hpp"
#include "siokit/socketio/encoder.hpp"

namespace json_test {

/// The text of an acknowledgement's payload, and its attachments as "|bytes".
template <class T>
std::string written(T const& value) {
  auto const packet = siokit::socketio::encode_ack("/", 0, value);
  EXPECT_TRUE(packet);
  auto walk = packet->packets();
  std::string_view const text = walk.next().data;
  std::string out(text.substr(text.find('[')));
  while (!walk.done()) out += "|" + std::string(walk.next().data);
  return out;
}

template <class T>
siokit::result<T> read(std::string_view argument, std::vector<std::string_view> const& attachments = {}) {
  std::string const all = "[" + std::string(argument) + "]";
  std::vector<siokit::bytes_view> views;
  for (auto const each : attachments) views.push_back(siokit::as_bytes(each));
  auto const summary = siokit::scan_json(all);
  EXPECT_TRUE(summary) << all;
  return siokit::socketio::args(all, summary->count, views).template get<T>(0);
}

/// What a peer has of a value.
template <class T>
T back(T const& value) {
  auto const packet = siokit::socketio::encode_ack("/", 0, value);
  EXPECT_TRUE(packet);
  auto walk = packet->packets();
  std::string_view text = walk.next().data;
  text = text.substr(text.find('['));
  std::vector<std::string_view> attachments;
  while (!walk.done()) attachments.push_back(walk.next().data);
  auto const out = read<T>(text.substr(1, text.size() - 2), attachments);
  EXPECT_TRUE(out) << text;
  return out.value_or(T{});
}

}  // namespace json_test
