// Arguments of events: from words of a command line, and to text.   SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "siokit/siokit.hpp"

/// Each word is JSON; or the name of a file behind an @, sent as binary (@-: standard input); or a string.
/// Error: a line that names the word.
tl::expected<siokit::owned_args, std::string> read_arguments(std::vector<std::string> const& words);

/// One line about an event: as JSON {"event":"x","args":[...]}, where binary data is {"base64":"..."}, or as
/// text for people.
std::string event_line(std::string_view event, siokit::args const& all, bool as_json);

/// The same for the arguments alone: a JSON array, or text.
std::string arguments_line(siokit::args const& all, bool as_json);

/// `line` as a terminal may show it: control characters, C1 included, are escaped as in JSON.
std::string printable(std::string_view line);

/// Any other line: {"type":..., ...} or text.
std::string note_line(std::string_view type, std::string_view text, bool as_json);
