// What a host on libwebsockets has of its own, whatever it speaks.   SPDX-License-Identifier: MIT
// A request as it came, its answer, and packets with room before them.
#pragma once

#include <libwebsockets.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "siokit/core/header.hpp"
#include "siokit/engineio/query.hpp"

/// Headers are those whose names libwebsockets knows; it would give others by their names.
struct lws_request {
  std::string_view method{};  ///< GET or POST, else empty
  std::string target{};
  std::vector<siokit::header> headers{};
  std::string address{};

  explicit lws_request(lws* wsi) {
    auto const path =
        lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0 ? WSI_TOKEN_POST_URI : WSI_TOKEN_GET_URI;
    // Path and parameters come decoded, each parameter alone.
    for (char const c : text(wsi, path)) target += c == '/' ? "/" : siokit::engineio::percent_encode({&c, 1});
    if (!target.empty()) method = path == WSI_TOKEN_POST_URI ? "POST" : "GET";
    add_parameters(wsi);
    char numbers[64] = "";
    (void)lws_get_peer_simple(wsi, numbers, sizeof numbers);
    address = numbers;
    for (int i = 0; i < WSI_TOKEN_COUNT; ++i) {
      auto const token = static_cast<lws_token_indexes>(i);
      auto const* const known = reinterpret_cast<char const*>(lws_token_to_string(token));
      std::string_view const name = known == nullptr ? "" : known;  // "host:", and others that are no headers
      if (!name.ends_with(':') || lws_hdr_total_length(wsi, token) <= 0) continue;
      headers.push_back({name.substr(0, name.size() - 1), kept_.emplace_back(text(wsi, token))});
    }
  }
  lws_request(lws_request&&) = delete;

  /// The value of a header, empty without it. `name` is in lower case.
  [[nodiscard]] std::string_view find(std::string_view name) const {
    auto const is_it = [&](siokit::header const& each) { return each.name == name; };
    auto const found = std::find_if(headers.begin(), headers.end(), is_it);
    return found == headers.end() ? std::string_view{} : found->value;
  }

 private:
  static std::string text(lws* wsi, lws_token_indexes what) {
    std::string out(static_cast<std::size_t>(std::max(lws_hdr_total_length(wsi, what), 0)), 0);
    (void)lws_hdr_copy(wsi, out.data(), static_cast<int>(out.size() + 1), what);
    return out;
  }
  void add_parameters(lws* wsi) {
    constexpr auto all = WSI_TOKEN_HTTP_URI_ARGS;
    for (int i = 0, size = 0; (size = lws_hdr_fragment_length(wsi, all, i)) > 0; ++i) {
      std::string each(static_cast<std::size_t>(size), 0);
      (void)lws_hdr_copy_fragment(wsi, each.data(), size + 1, all, i);
      auto const equals = each.find('=');
      target += (i == 0 ? '?' : '&') + siokit::engineio::percent_encode(each.substr(0, equals));
      if (equals != each.npos) target += '=' + siokit::engineio::percent_encode(each.substr(equals + 1));
    }
  }

  std::deque<std::string> kept_;  // what `headers` looks at
};

/// Writes `data` with the room before it that libwebsockets wants, which keeps what the kernel does not take:
/// the next write is to wait until lws_send_pipe_choked() says no. False: the connection broke.
inline bool lws_write_copy(lws* wsi, std::string_view data, lws_write_protocol as) {
  std::string room(LWS_PRE, 0);
  room += data;
  return lws_write(wsi, reinterpret_cast<unsigned char*>(room.data()) + LWS_PRE, data.size(), as) >= 0;
}

/// Head and body in one write. False: the connection broke.
inline bool lws_answer(lws* wsi, unsigned status, std::string_view content_type = {},
                       std::string_view body = {}) {
  std::string const type(content_type);
  unsigned char head[1024], *at = head, *const end = head + sizeof head;
  if (lws_add_http_common_headers(wsi, status, type.empty() ? nullptr : type.c_str(), body.size(), &at,
                                  end) != 0 ||
      lws_finalize_http_header(wsi, &at, end) != 0) {
    return false;
  }
  std::string const text = std::string(head, at).append(body);
  return lws_write_copy(wsi, text, LWS_WRITE_HTTP_FINAL);
}
