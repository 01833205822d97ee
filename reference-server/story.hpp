// What a recording says, in words: a line an entry.   SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "siokit/engineio/replay.hpp"

/// One entry in words. Everything in it is printable.
struct story_line {
  std::string_view who;   ///< whose doing it is: "client -> server" and such
  std::string what;       ///< packets decoded, long ones shortened
  std::string_view kind;  ///< for programs: start, receive, transmit, ...
};

/// `size_max`: how much of the data of a packet is shown, in bytes.
[[nodiscard]] story_line tell(siokit::engineio::replayed const& step, std::size_t size_max);
