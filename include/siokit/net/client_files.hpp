// siokit/net/client_files.hpp - the client for browsers, served beside the protocol.
// SPDX-License-Identifier: MIT
// Spec: the option serve_client of the official server; RFC 9110, sections 8.8.3 and 13.1.2.
// In: the folder `client-dist` of the npm package socket.io, read once. Out: answers. Owns the files, plain
// and compressed.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>

#include <tl/expected.hpp>

#include "siokit/net/http_compression.hpp"
#include "siokit/net/http_route.hpp"
#include "siokit/net/sha1.hpp"

namespace siokit::inline v0::net {

/// Names of the files that are served, those of the official server.
inline constexpr std::string_view client_file_names[] = {
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
};

/// A file in memory. Its ETag is made of its content, so that it says something behind a load balancer too.
class static_file {
 public:
  static_file(std::string_view content_type, std::string body)
      : content_type_(content_type), body_(std::move(body)), etag_("\"") {
    for (unsigned char const byte : impl::sha1(body_)) {
      (etag_ += "0123456789abcdef"[byte >> 4]) += "0123456789abcdef"[byte & 15];
    }
    etag_ += '"';
    gzip_ = http_compressor(Z_BEST_COMPRESSION).compress(content_coding::gzip, body_);
  }

  [[nodiscard]] std::string const& etag() const noexcept { return etag_; }

  void answer(engineio::request const& in, http_reply reply) const {
    if (in.method != "GET" && in.method != "HEAD") {
      reply.send(405, {}, {{"Allow", "GET, HEAD"}});
      return;
    }
    std::vector<owned_header> headers{
        {"Cache-Control", "public, max-age=0"}, {"ETag", etag_}, {"Vary", "Accept-Encoding"}};
    if (is_known(in.find("if-none-match").value_or(""))) {
      reply.send(304, {}, std::move(headers));
      return;
    }
    bool const zipped = impl::coding_weight(in.find("accept-encoding").value_or(""), "gzip") > 0;
    headers.push_back({"Content-Type", content_type_});
    if (zipped) headers.push_back({"Content-Encoding", "gzip"});
    reply.send(200, zipped ? gzip_ : body_, std::move(headers));
  }

 private:
  /// Whether a list of ETags, weak ones included, has ours.
  [[nodiscard]] bool is_known(std::string_view list) const noexcept {
    while (!list.empty()) {
      std::string_view tag = trimmed(list.substr(0, list.find(',')));
      list.remove_prefix(std::min(list.find(','), list.size() - 1) + 1);
      if (tag.starts_with("W/")) tag.remove_prefix(2);
      if (tag == etag_ || tag == "*") return true;
    }
    return false;
  }

  std::string content_type_;
  std::string body_;
  std::string gzip_;
  std::string etag_;
};

struct client_file {
  std::string_view name;
  static_file content;
};

namespace impl {
/// The bytes of a file; nullopt when it can't be opened.
[[nodiscard]] inline std::optional<std::string> read_file(std::string const& name) {
  std::unique_ptr<BIO, decltype(&BIO_free)> const file(BIO_new_file(name.c_str(), "rb"), BIO_free);
  if (!file) {
    ERR_clear_error();  // what is left there would be taken for an error of TLS
    return std::nullopt;
  }
  std::string out;
  char part[16 * 1024];
  for (int size; (size = BIO_read(file.get(), part, sizeof part)) > 0;) {
    out.append(part, static_cast<std::size_t>(size));
  }
  return out;
}
}  // namespace impl

/// Those files of the client that are in `folder`. On failure one line that says what is missing.
[[nodiscard]] inline tl::expected<std::vector<client_file>, std::string> read_client_files(
    std::string const& folder) {
  std::vector<client_file> out;
  for (auto const name : client_file_names) {
    auto content = impl::read_file(folder + '/' + std::string(name));
    if (!content) continue;
    bool const map = name.ends_with(".map");
    out.push_back({name,
                   {map ? "application/json; charset=utf-8" : "application/javascript; charset=utf-8",
                    std::move(*content)}});
  }
  if (out.empty()) return tl::unexpected("serve_client: no socket.io.js in " + folder);
  return out;
}

}  // namespace siokit::inline v0::net
