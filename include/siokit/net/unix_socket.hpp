// siokit/net/unix_socket.hpp - the file behind a Unix socket.   SPDX-License-Identifier: MIT
// In: an endpoint. Does nothing with endpoints that have no file, and where there are no Unix sockets.
#pragma once

#include <asio/local/stream_protocol.hpp>
#include <cstring>
#include <string>

#include "siokit/net/socket.hpp"

#ifndef _WIN32
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace siokit::inline v0::net::impl {

/// The file that an endpoint names, empty when there is none.
[[nodiscard]] inline std::string file_of([[maybe_unused]] stream_protocol::endpoint const& at) {
#if defined(ASIO_HAS_LOCAL_SOCKETS) && !defined(_WIN32)
  if (at.protocol().family() == AF_UNIX) {
    asio::local::stream_protocol::endpoint local;
    std::memcpy(local.data(), at.data(), at.size());
    local.resize(at.size());  // looks at the bytes
    return local.path();
  }
#endif
  return {};
}

inline void remove_socket_file([[maybe_unused]] std::string const& path) noexcept {
#ifndef _WIN32
  struct stat found {};
  bool const is_socket = ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
  if (is_socket) ::unlink(path.c_str());  // nobody's data
#endif
}

/// Whether it is a socket that nobody listens behind: one that ended without removing its file.
[[nodiscard]] inline bool is_abandoned(executor const& with, stream_protocol::endpoint const& at) {
  if (file_of(at).empty()) return false;
  std::error_code failure;
  asio::basic_stream_socket<stream_protocol, executor> knocking(with);
  knocking.open(at.protocol(), failure);
  knocking.non_blocking(true, failure);  // a queue that is full is no refusal
  if (!failure) knocking.connect(at, failure);
  return failure == asio::error::connection_refused;
}

}  // namespace siokit::inline v0::net::impl
