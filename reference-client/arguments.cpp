// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "siokit/core/base64.hpp"

namespace {

using nlohmann::json;
using siokit::bytes_view;

tl::expected<std::string, std::string> read_file(std::string const& name) {
  std::ifstream file;
  if (name != "-") {
    file.open(name, std::ios::binary);
    if (!file || std::filesystem::is_directory(name)) {
      return tl::unexpected("@" + name + ": this file cannot be read");
    }
  }
  std::istream& in = name == "-" ? std::cin : file;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string base64_of(bytes_view data) {
  std::string out(siokit::base64_encoded_size(data.size()), '\0');
  siokit::base64_encode(siokit::as_text(data), out.data());
  return out;
}

/// With attachments in the place of their placeholders. No peer can make it deep: the decoder has a limit.
json with_attachments(json value, std::span<bytes_view const> attachments) {
  if (value.is_object() && value.size() == 2 && value.value("_placeholder", json()) == true) {
    auto const index = value.value("num", std::size_t{0});
    return index < attachments.size() ? json{{"base64", base64_of(attachments[index])}} : value;
  }
  if (value.is_structured()) {
    for (auto& each : value) each = with_attachments(std::move(each), attachments);
  }
  return value;
}

json to_json(siokit::args const& all) {
  json out = json::array();
  for (std::string_view const each : all) {
    auto value = json::parse(each, nullptr, false);
    out.push_back(value.is_discarded() ? json(std::string(each))
                                       : with_attachments(std::move(value), all.attachments()));
  }
  return out;
}

std::string dump(json const& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

tl::expected<siokit::owned_args, std::string> read_arguments(std::vector<std::string> const& words) {
  std::vector<std::string> files;
  files.reserve(words.size());  // views of them are kept
  std::vector<bytes_view> parts;
  json all = json::array();
  for (std::string const& word : words) {
    if (word.starts_with('@') && word.size() > 1) {
      auto content = read_file(word.substr(1));
      if (!content) return tl::unexpected(content.error());
      files.push_back(std::move(*content));
      all.push_back({{"_placeholder", true}, {"num", parts.size()}});
      parts.push_back(siokit::as_bytes(files.back()));
    } else {
      auto value = json::parse(word, nullptr, false);
      if (!value.is_discarded()) {
        all.push_back(std::move(value));
      } else {
        all.push_back(word.starts_with(" [") ? word.substr(1) : word);  // the blank is ours: command_line.cpp
      }
    }
  }
  std::string const text = dump(all);
  return siokit::args(text, static_cast<std::uint32_t>(all.size()), parts).own();
}

std::string arguments_line(siokit::args const& all, bool as_json) {
  json const values = to_json(all);
  if (as_json) return dump(values);
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto const& value = values[i];
    if (i > 0) out += ' ';
    if (value.is_object() && value.size() == 1 && value.contains("base64")) {
      out += "<binary " + value["base64"].get<std::string>() + ">";
    } else {
      out += dump(value);
    }
  }
  return out;
}

std::string event_line(std::string_view event, siokit::args const& all, bool as_json) {
  if (as_json) return dump({{"event", event}, {"args", to_json(all)}});
  std::string const rest = arguments_line(all, false);
  return dump(json(event)) + (rest.empty() ? "" : " ") + rest;
}

std::string printable(std::string_view line) {
  std::string out;
  bool const utf8 = siokit::utf8_valid(line);
  for (std::size_t i = 0; i < line.size(); ++i) {
    auto c = static_cast<unsigned char>(line[i]);
    unsigned const next = i + 1 < line.size() ? static_cast<unsigned char>(line[i + 1]) : 0;
    bool const c1 = utf8 && c == 0xC2 && next >= 0x80 && next < 0xA0;
    bool const foreign = !utf8 && c >= 0x80;  // a terminal of 8 bits would take it for a command
    if (!c1 && !foreign && c >= 0x20 && c != 0x7F) {
      out += line[i];
      continue;
    }
    char text[8];
    std::snprintf(text, sizeof text, "\\u%04x", c1 ? next : c);
    out += text;
    i += c1 ? 1 : 0;
  }
  return out;
}

std::string note_line(std::string_view type, std::string_view text, bool as_json) {
  if (as_json) return dump({{"type", type}, {"text", text}});
  return "# " + std::string(type) + (text.empty() ? "" : ": ") + std::string(text);
}
