// See record_file.hpp.   SPDX-License-Identifier: MIT
#include "record_file.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>

namespace {

constexpr std::size_t buffer_size = 64 * 1024;

std::string last_error() {
  return std::generic_category().message(errno);
}

}  // namespace

record_file::record_file(std::string path, siokit::engineio::recording_mask mask, std::uint64_t bytes_max)
    : recorder(mask), path_(std::move(path)), left_(bytes_max) {
  buffer_.reserve(buffer_size);  // so that write() never allocates
}

tl::expected<void, std::string> record_file::open(asio::io_context& context) {
  auto const failed = [this] {
    return tl::unexpected("--record: " + path_ + " can't be written: " + last_error());
  };
  struct stat there {};
  bool const kept = ::lstat(path_.c_str(), &there) == 0 && S_ISREG(there.st_mode) && there.st_size > 0;
  if (kept) {
    std::string name;
    for (int i = 1; name.empty() || ::lstat(name.c_str(), &there) == 0; ++i) {
      name = path_ + "." + std::to_string(i);
    }
    if (std::rename(path_.c_str(), name.c_str()) != 0) return failed();
  }
  constexpr int how = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  file_ = ::open(path_.c_str(), how, S_IRUSR | S_IWUSR);
  if (file_ < 0 || ::fstat(file_, &there) != 0) return failed();
  if (S_ISREG(there.st_mode) && ::fchmod(file_, S_IRUSR | S_IWUSR) != 0) return failed();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow any more is told of by write()
  context_ = &context;
  return {};
}

record_file::~record_file() {
  flush();
  if (file_ >= 0) ::close(file_);
}

void record_file::write(std::string_view bytes) noexcept {
  if (bytes.size() > left_) return give_up("it has become as long as --record-max allows");
  left_ -= bytes.size();
  if (buffer_.size() + bytes.size() > buffer_size) flush();
  if (bytes.size() > buffer_size) return put(bytes);
  buffer_.append(bytes);
  if (context_ == nullptr || flush_posted_) return;
  flush_posted_ = true;
  try {
    asio::post(*context_, [this] {
      flush_posted_ = false;
      flush();
    });
  } catch (...) {  // no memory: then it is written later
    flush_posted_ = false;
  }
}

void record_file::flush() noexcept {
  put(buffer_);
  buffer_.clear();
}

void record_file::put(std::string_view bytes) noexcept {
  while (file_ >= 0 && !bytes.empty()) {
    auto const written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      give_up(last_error());
      ::close(std::exchange(file_, -1));
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void record_file::give_up(std::string_view why) noexcept {
  stop();
  spdlog::error("recording stopped file={} why=\"{}\"", path_, why);
}
