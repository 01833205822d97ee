// The recording of --record: see docs/recorder.md.   SPDX-License-Identifier: MIT
#pragma once

#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "siokit/engineio/recorder.hpp"

/// Writes a recording to a file, at the end of each turn of a loop or as soon as there is much of it. When
/// the file has become too long, or can't be written, a line of the log says so, and the server goes on.
class record_file final : public siokit::engineio::recorder {
 public:
  record_file(std::string path, siokit::engineio::recording_mask mask, std::uint64_t bytes_max);
  ~record_file() override;

  /// Before the first session. An earlier recording is kept as PATH.1, or the next number that is free.
  /// `context` is not used after its end. Error: one line for people.
  [[nodiscard]] tl::expected<void, std::string> open(asio::io_context& context);

 private:
  void write(std::string_view bytes) noexcept override;
  void flush() noexcept;
  void put(std::string_view bytes) noexcept;
  void give_up(std::string_view why) noexcept;

  std::string path_;
  std::string buffer_;
  asio::io_context* context_ = nullptr;
  std::uint64_t left_;  // bytes that may still be written
  int file_ = -1;       // closed
  bool flush_posted_ = false;
};
