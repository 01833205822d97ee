// siokit/net/http_parser.hpp - bytes of a connection to HTTP/1 requests.   SPDX-License-Identifier: MIT
// Spec: RFC 9112, read by llhttp 8.1 or 9, strictly. In: whatever was read. Out: steps, pulled one by one.
// Owns the head of one message in one block, and an index of its headers; bodies are views of the input.
//
// llhttp accepts more or less by its version and its build. What requests are smuggled with is therefore
// refused here, before or behind it: lines that do not end with CRLF, continued lines (obs-fold), a second
// framing header, transfer codings but "chunked", bytes after a chunk that are not CRLF. Chunk extensions and
// trailers are dropped, within the limit of a head; llhttp 8.1 refuses several extensions of one chunk.
#pragma once

#include <llhttp.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "siokit/core/error.hpp"
#include "siokit/core/header.hpp"

namespace siokit::inline v0::net {

/// What is longer is refused: by 414 a request line, by 431 the rest.
struct http_limits {
  std::size_t request_line_bytes_max = 8 * 1024;  ///< with its CRLF
  std::size_t head_bytes_max = 16 * 1024;         ///< the request line and all headers, as on the wire
  std::size_t headers_max = 100;
};

/// The head of a message, borrowed from its parser.
struct http_head {
  std::string_view method;   ///< of a request
  std::string_view target;   ///< of a request, as in its first line
  std::uint16_t status = 0;  ///< of a response
  std::uint8_t minor_version = 1;
  bool keep_alive = true;         ///< whether the connection goes on after this exchange
  bool has_body = false;          ///< whether a body step may come
  bool expects_continue = false;  ///< whether the client waits for a response 100 before it sends the body
  bool upgrade = false;           ///< a GET, or a response 101, with `Upgrade: websocket` in force
  std::optional<std::uint64_t> content_length;  ///< as announced; a chunked body has none
  std::span<header const> headers;

  /// The value of the first header of this name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
    for (header const& field : headers) {
      if (same_header_name(field.name, name)) return field.value;
    }
    return std::nullopt;
  }
};

/// Parses the messages of one direction of one connection. It points to itself: neither copied nor moved.
class http_parser {
 public:
  struct step {
    enum class kind : std::uint8_t {
      need_more,  ///< the input is used up
      head,       ///< head() is there
      body,       ///< a piece of the body, never empty
      complete,   ///< the message is over; what is left of the input belongs to the next one
    };

    kind type = kind::need_more;
    std::string_view body{};  ///< a view of the input
  };

  /// `type`: what the peer sends, HTTP_REQUEST or HTTP_RESPONSE.
  explicit http_parser(http_limits limits = {}, llhttp_type_t type = HTTP_REQUEST) noexcept
      : type_(type), limits_(limits) {}
  http_parser(http_parser const&) = delete;
  http_parser& operator=(http_parser const&) = delete;

  /// Takes from the front of `input` as much as one step needs. Call it until need_more; after `complete` not
  /// before the request is answered, because with the next byte head() is of the next message. After the
  /// `complete` of an upgrade the rest of the input is WebSocket. After that of a message without keep_alive
  /// the rest is dropped: nothing that follows it may be answered.
  /// Errors, all remote: bad_request, header_too_large, payload_too_large (of chunk extensions or trailers).
  /// The host answers status() and closes; the parser gives the same error for ever.
  [[nodiscard]] result<step> next(std::span<char const>& input);

  /// The peer has closed its side: the end of a response without length, which is `complete`. Otherwise
  /// need_more between messages, bad_request within one.
  [[nodiscard]] result<step> finish();

  /// Valid from the step `head` to the first byte of the next message.
  [[nodiscard]] http_head const& head() const noexcept { return head_; }

  /// The HTTP status that tells the peer of the error, 0 while there is none.
  [[nodiscard]] std::uint16_t status() const noexcept { return status_; }

 private:
  enum class phase : std::uint8_t { between, head, sized_body, chunked_body, body_to_eof, complete, over };
  struct scan {
    std::size_t size = 0;      // how much belongs to the head
    std::uint16_t status = 0;  // what is wrong with the byte behind that
    bool at_end = false;       // the head ends there
  };

  // Reading.
  void begin();
  [[nodiscard]] result<step> read_head(std::span<char const>& input);
  [[nodiscard]] scan scan_head(std::span<char const> input) noexcept;
  [[nodiscard]] result<step> read_chunks(std::span<char const>& input);
  [[nodiscard]] std::uint16_t check_framing(std::string_view bytes) noexcept;
  [[nodiscard]] llhttp_errno_t execute(std::span<char const> input) noexcept {
    parser_.data = this;
    return llhttp_execute(&parser_, input.data(), input.size());
  }

  // Understanding. Each returns the status of what is wrong, or 0.
  [[nodiscard]] std::uint16_t understand();
  [[nodiscard]] std::uint16_t understand_first_line(std::string_view line) noexcept;
  [[nodiscard]] std::uint16_t understand_header(header const& field) noexcept;
  [[nodiscard]] std::uint16_t understand_body() noexcept;

  [[nodiscard]] tl::unexpected<error> fail(std::uint16_t status) noexcept;
  [[nodiscard]] static llhttp_settings_t const& settings() noexcept;
  [[nodiscard]] static http_parser& self(llhttp_t* parser) noexcept {
    return *static_cast<http_parser*>(parser->data);
  }

  llhttp_t parser_{};
  llhttp_type_t type_;
  http_limits limits_;
  std::string text_;  // the head, as received
  std::vector<header> headers_;
  http_head head_;
  std::string_view body_;          // what llhttp has found last
  std::uint64_t body_left_ = 0;    // of a sized body
  std::size_t framing_bytes_ = 0;  // of a chunked body, since its last byte of content
  std::uint32_t tail_ = 0;         // the last four bytes of a head or a framing
  phase phase_ = phase::between;
  std::uint16_t status_ = 0;
  bool has_host_ = false;
  bool chunked_ = false;
  bool in_first_line_ = false;
  bool head_complete_ = false;     // says llhttp
  bool message_complete_ = false;  // says llhttp
};

namespace impl {
inline constexpr std::uint32_t crlf_crlf = 0x0d0a0d0a;
inline constexpr std::uint32_t after_content = 0xffffffff;  // in place of the last four bytes

/// Where the first blank or control from `at` on is, or `end`.
[[nodiscard]] inline std::size_t after_visible(std::span<char const> text, std::size_t at,
                                               std::size_t end) noexcept {
  if constexpr (std::endian::native == std::endian::little) {  // eight at a time
    constexpr std::uint64_t ones = 0x0101010101010101, high_bits = ones * 0x80;
    for (; end - at >= sizeof(std::uint64_t); at += sizeof(std::uint64_t)) {
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, text.data() + at, sizeof bytes);
      // Less than 0x21: a borrow makes no mark below the first that is true.
      std::uint64_t const marks = (bytes - ones * (' ' + 1)) & ~bytes & high_bits;
      if (marks != 0) return at + static_cast<std::size_t>(std::countr_zero(marks)) / 8;
    }
  }
  auto const visible = [](char c) { return static_cast<unsigned char>(c) > ' '; };
  while (at < end && visible(text[at])) ++at;
  return at;
}
}  // namespace impl

// --- Reading

inline result<http_parser::step> http_parser::next(std::span<char const>& input) {
  if (status_ != 0) return fail(status_);
  switch (phase_) {
    case phase::between:
      // Clients of old send an empty line behind a body.
      while (!input.empty() && (input.front() == '\r' || input.front() == '\n')) input = input.subspan(1);
      if (input.empty()) return step{};
      begin();
      [[fallthrough]];
    case phase::head: return read_head(input);
    case phase::chunked_body:
      if (input.empty()) return step{};  // which llhttp would take for a chunk that begins at null
      return read_chunks(input);
    case phase::sized_body:
    case phase::body_to_eof: {
      if (input.empty()) return step{};
      std::size_t size = input.size();
      if (phase_ == phase::sized_body) {
        if (body_left_ < size) size = static_cast<std::size_t>(body_left_);
        body_left_ -= size;
        if (body_left_ == 0) phase_ = phase::complete;
      }
      step const out{step::kind::body, {input.data(), size}};
      input = input.subspan(size);
      return out;
    }
    case phase::complete:
      phase_ = head_.keep_alive || head_.upgrade ? phase::between : phase::over;
      return step{step::kind::complete};
    case phase::over: break;
  }
  input = {};
  return step{};
}

inline result<http_parser::step> http_parser::finish() {
  if (status_ != 0) return fail(status_);
  if (phase_ == phase::between || phase_ == phase::over) return step{};
  if (phase_ != phase::complete && phase_ != phase::body_to_eof) return fail(400);
  phase_ = phase::over;
  return step{step::kind::complete};
}

inline void http_parser::begin() {
  llhttp_init(&parser_, type_, &settings());
  text_.clear();
  headers_.clear();
  headers_.reserve(16);  // what browsers send; the first message would take five steps to it
  head_ = {};
  body_ = {};
  body_left_ = framing_bytes_ = 0;
  tail_ = '\n';
  has_host_ = chunked_ = head_complete_ = message_complete_ = false;
  in_first_line_ = true;
  phase_ = phase::head;
}

inline result<http_parser::step> http_parser::read_head(std::span<char const>& input) {
  scan const found = scan_head(input);
  auto const piece = input.first(found.size);
  input = input.subspan(found.size);
  text_.append(piece.data(), piece.size());
  llhttp_errno_t const code = execute(piece);
  if (code == HPE_INVALID_VERSION) return fail(505);
  // Without a body llhttp pauses at once, for an upgrade in a way of its own.
  if (code != HPE_OK && code != HPE_PAUSED && code != HPE_PAUSED_UPGRADE) return fail(400);
  if (found.status != 0) return fail(found.status);
  // The two must agree on where the head ends, and llhttp has not seen a byte of the body.
  if (found.at_end != head_complete_) return fail(400);
  if (!found.at_end) return step{};
  if (std::uint16_t const wrong = understand(); wrong != 0) return fail(wrong);
  return step{step::kind::head};
}

inline http_parser::scan http_parser::scan_head(std::span<char const> input) noexcept {
  scan out;
  std::size_t most = in_first_line_ ? limits_.request_line_bytes_max : limits_.head_bytes_max;
  std::uint32_t tail = tail_;
  while (out.size < input.size() && !out.at_end) {
    if (text_.size() + out.size >= most) {
      out.status = in_first_line_ ? 414 : 431;
      break;
    }
    auto const c = static_cast<unsigned char>(input[out.size]);
    auto const last = static_cast<unsigned char>(tail);
    if (c > ' ' && last != '\r') {  // with whatever follows that is no blank, up to the limit
      out.size = impl::after_visible(input, out.size + 1, std::min(input.size(), most - text_.size()));
      tail = c;
      continue;
    }
    tail = tail << 8 | c;
    if ((last == '\r') != (c == '\n') || (last == '\n' && (c == ' ' || c == '\t'))) {
      out.status = 400;
      break;
    }
    ++out.size;
    if (c != '\n') continue;
    in_first_line_ = false;
    most = limits_.head_bytes_max;
    out.at_end = tail == impl::crlf_crlf;
  }
  tail_ = tail;
  return out;
}

inline result<http_parser::step> http_parser::read_chunks(std::span<char const>& input) {
  body_ = {};
  llhttp_errno_t const code = execute(input);
  std::size_t size = input.size();
  if (code != HPE_OK) size = static_cast<std::size_t>(llhttp_get_error_pos(&parser_) - input.data());
  std::string_view const piece(input.data(), size);
  std::string_view const content = body_;
  input = input.subspan(size);

  std::size_t const before = content.empty() ? size : static_cast<std::size_t>(content.data() - piece.data());
  if (std::uint16_t const wrong = check_framing(piece.substr(0, before)); wrong != 0) return fail(wrong);
  std::uint16_t wrong = 0;
  if (!content.empty()) {
    framing_bytes_ = 0;
    tail_ = impl::after_content;
    wrong = check_framing(piece.substr(before + content.size()));
  }
  if (wrong == 0 && code != HPE_OK && code != HPE_PAUSED) wrong = 400;
  if (wrong != 0) {
    auto const failure = fail(wrong);
    if (content.empty()) return failure;  // else the next call tells
  }
  if (code == HPE_PAUSED) llhttp_resume(&parser_);
  if (message_complete_) phase_ = phase::complete;
  if (!content.empty()) return step{step::kind::body, content};
  return message_complete_ ? next(input) : step{};
}

/// Looks at what llhttp has taken for sizes, extensions and trailers.
inline std::uint16_t http_parser::check_framing(std::string_view bytes) noexcept {
  framing_bytes_ += bytes.size();
  if (framing_bytes_ > limits_.head_bytes_max) return 413;
  for (char const c : bytes) {
    char const last = static_cast<char>(tail_);
    if ((last == '\r') != (c == '\n')) return 400;
    if (last == '\n' && (c == ' ' || c == '\t')) return 400;
    if (tail_ == impl::after_content && c != '\r') return 400;
    tail_ = tail_ << 8 | static_cast<unsigned char>(c);
  }
  return 0;
}

// --- Understanding

inline std::uint16_t http_parser::understand() {
  std::string_view rest = text_;
  auto const take_line = [&rest] {
    std::size_t const size = rest.find("\r\n");
    std::string_view const line = rest.substr(0, size);
    rest.remove_prefix(size + 2);
    return line;
  };
  if (std::uint16_t const wrong = understand_first_line(take_line()); wrong != 0) return wrong;
  for (std::string_view line = take_line(); !line.empty(); line = take_line()) {
    if (headers_.size() == limits_.headers_max) return 431;
    std::size_t const colon = line.find(':');
    std::string_view const name = line.substr(0, colon);
    auto const has = [name](char c) { return name.find(c) != name.npos; };
    if (colon == line.npos || name.empty() || has(' ') || has('\t')) return 400;
    headers_.push_back({name, trimmed(line.substr(colon + 1))});
    if (std::uint16_t const wrong = understand_header(headers_.back()); wrong != 0) return wrong;
  }
  head_.headers = headers_;
  return understand_body();
}

inline std::uint16_t http_parser::understand_first_line(std::string_view line) noexcept {
  std::string_view version = line.substr(0, line.find(' '));
  if (type_ == HTTP_REQUEST) {
    std::size_t const first = line.find(' ');
    std::size_t const second = line.find(' ', first + 1);
    if (first == line.npos || second == line.npos) return 400;
    head_.method = line.substr(0, first);
    head_.target = line.substr(first + 1, second - first - 1);
    version = line.substr(second + 1);
    bool strange = false;  // without branches, so that a compiler makes it many bytes at once
    for (char const c : head_.target) strange |= c <= ' ' || c > '~';
    if (strange || head_.target.empty() || head_.method == "CONNECT") return 400;
    // A proxy's way to say it, which every server must understand: RFC 9112, section 3.2.2.
    for (std::string_view const scheme : {"http://", "https://"}) {
      if (!head_.target.starts_with(scheme)) continue;
      std::size_t const path = head_.target.find_first_of("/?", scheme.size());
      head_.target = path == line.npos || head_.target[path] == '?' ? "/" : head_.target.substr(path);
    }
  } else {
    head_.status = static_cast<std::uint16_t>(llhttp_get_status_code(&parser_));
  }
  if (version != "HTTP/1.0" && version != "HTTP/1.1") return version.starts_with("HTTP/") ? 505 : 400;
  head_.minor_version = version.back() == '1' ? 1 : 0;
  return 0;
}

inline std::uint16_t http_parser::understand_header(header const& field) noexcept {
  auto const is = [&field](std::string_view name) { return same_header_name(field.name, name); };
  std::string_view const value = field.value;
  if (is("Host")) {
    if (has_host_) return 400;
    has_host_ = true;
  } else if (is("Content-Length")) {
    std::uint64_t length = 0;
    char const* const end = value.data() + value.size();
    auto const read = std::from_chars(value.data(), end, length);
    if (read.ec != std::errc{} || read.ptr != end || head_.content_length) return 400;
    head_.content_length = length;
  } else if (is("Transfer-Encoding")) {
    if (chunked_) return 400;
    if (!same_header_name(value, "chunked")) return 501;
    chunked_ = true;
  } else if (is("Expect") && type_ == HTTP_REQUEST) {
    if (!same_header_name(value, "100-continue")) return 417;
    head_.expects_continue = true;
  } else if (is("Upgrade")) {
    head_.upgrade = same_header_name(value, "websocket");
  }
  return 0;
}

inline std::uint16_t http_parser::understand_body() noexcept {
  bool const request = type_ == HTTP_REQUEST;
  bool const modern = head_.minor_version == 1;
  if (chunked_ && (head_.content_length || !modern)) return 400;
  if (request && modern && !has_host_) return 400;

  bool const bodyless = !request && (head_.status < 200 || head_.status == 204 || head_.status == 304);
  bool const to_eof = !request && !bodyless && !chunked_ && !head_.content_length;
  head_.has_body = !bodyless && (chunked_ || to_eof || head_.content_length.value_or(0) > 0);
  head_.expects_continue = head_.expects_continue && modern && head_.has_body;
  head_.upgrade = head_.upgrade && llhttp_get_upgrade(&parser_) != 0 && modern && !head_.has_body &&
                  (head_.method == "GET" || head_.status == 101);

  body_left_ = head_.content_length.value_or(0);
  phase_ = !head_.has_body ? phase::complete
           : chunked_      ? phase::chunked_body
           : to_eof        ? phase::body_to_eof
                           : phase::sized_body;
  return 0;
}

inline tl::unexpected<error> http_parser::fail(std::uint16_t status) noexcept {
  status_ = status;
  if (status == 413) return remote_error(errc::payload_too_large);
  return remote_error(status == 414 || status == 431 ? errc::header_too_large : errc::bad_request);
}

inline llhttp_settings_t const& http_parser::settings() noexcept {
  static llhttp_settings_t const instance = [] {
    llhttp_settings_t out;
    llhttp_settings_init(&out);
    out.on_headers_complete = [](llhttp_t* parser) {
      self(parser).head_complete_ = true;
      self(parser).head_.keep_alive = llhttp_should_keep_alive(parser) != 0;
      return 0;
    };
    out.on_body = [](llhttp_t* parser, char const* at, std::size_t size) {
      self(parser).body_ = {at, size};
      return 0;
    };
    // So that one call finds at most one piece of content.
    out.on_chunk_complete = [](llhttp_t* parser) {
      return static_cast<int>(self(parser).body_.empty() ? HPE_OK : HPE_PAUSED);
    };
    out.on_message_complete = [](llhttp_t* parser) {
      self(parser).message_complete_ = true;
      return static_cast<int>(HPE_PAUSED);
    };
    return out;
  }();
  return instance;
}

}  // namespace siokit::inline v0::net
