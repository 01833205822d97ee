// siokit/net/http_response.hpp - the head of an HTTP response as text.   SPDX-License-Identifier: MIT
// Spec: RFC 9110 and 9112. Appends to a string of the caller, owns nothing.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "siokit/core/error.hpp"
#include "siokit/core/header.hpp"

namespace siokit::inline v0::net {

namespace impl {

struct status_phrase {
  unsigned status;
  std::string_view phrase;
};
inline constexpr status_phrase status_phrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Entity"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

}  // namespace impl

/// The phrase of RFC 9110 and its kin, empty for a status without one.
[[nodiscard]] constexpr std::string_view reason_phrase(unsigned status) noexcept {
  for (auto const& known : impl::status_phrases) {
    if (known.status == status) return known.phrase;
  }
  return {};
}

/// Appends status line, `fields` (a range of headers, borrowed or owned), Connection, Content-Length and the
/// empty line. `minor_version` is that of the request. Connection is left to the caller when he gives one, as
/// he has to with 101. A status without body (1xx, 204, 304) gets no Content-Length.
/// Error, local: invalid_argument, with `out` unchanged: a status without three digits, a name that is no
/// token, a value that would leave its line, or a Content-Length or Transfer-Encoding of the caller's. The
/// offset is the index of the header.
template <class Fields = std::span<header const>>
[[nodiscard]] result<void> append_response_head(std::string& out, unsigned status, Fields const& fields,
                                                std::size_t content_length, bool keep_alive,
                                                int minor_version) {
  if (status < 100 || status > 999) return local_error(errc::invalid_argument);
  bool says_connection = status < 200;
  std::size_t index = 0;
  for (auto const& [name, value] : fields) {
    if (!is_token(name) || !is_field_value(value) || same_header_name(name, "Content-Length") ||
        same_header_name(name, "Transfer-Encoding")) {
      return local_error(errc::invalid_argument, index);
    }
    says_connection = says_connection || same_header_name(name, "Connection");
    ++index;
  }

  using std::literals::operator""sv;
  std::array<char, 20> digits;
  auto const text_of = [&digits](std::size_t number) {
    return std::string_view(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
  };
  auto const append = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": "sv).append(value).append("\r\n"sv);
  };
  out.append("HTTP/1.1 "sv).append(text_of(status)).append(" "sv);
  out.append(reason_phrase(status)).append("\r\n"sv);
  for (auto const& [name, value] : fields) append(name, value);
  if (!says_connection && !keep_alive) append("Connection"sv, "close"sv);
  if (!says_connection && keep_alive && minor_version == 0) append("Connection"sv, "keep-alive"sv);
  bool const bodyless = status < 200 || status == 204 || status == 304;
  if (!bodyless) append("Content-Length"sv, text_of(content_length));
  out.append("\r\n"sv);
  return {};
}

/// Appends a time (of the years 0 to 9999) in the form of the Date header, e.g. `Sun, 06 Nov 1994 08:49:37
/// GMT`.
inline void append_http_date(std::string& out, std::chrono::sys_seconds at) {
  static constexpr char days[] = "SunMonTueWedThuFriSat";
  static constexpr char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  auto const day = std::chrono::floor<std::chrono::days>(at);
  std::chrono::year_month_day const date(day);
  auto const second = static_cast<unsigned>((at - day).count());
  auto const year = static_cast<unsigned>(static_cast<int>(date.year()));
  char text[] = "Sun, 06 Nov 1994 08:49:37 GMT";
  auto const put = [&text](std::size_t place, unsigned number) {
    text[place] = static_cast<char>('0' + number / 10 % 10);
    text[place + 1] = static_cast<char>('0' + number % 10);
  };
  std::copy_n(days + 3 * std::chrono::weekday(day).c_encoding(), 3, text);
  put(5, static_cast<unsigned>(date.day()));
  std::copy_n(months + 3 * (static_cast<unsigned>(date.month()) - 1), 3, text + 8);
  put(12, year / 100);
  put(14, year);
  put(17, second / 3600);
  put(20, second / 60 % 60);
  put(23, second % 60);
  out += text;
}

}  // namespace siokit::inline v0::net
