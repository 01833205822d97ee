// The events of the past.   SPDX-License-Identifier: MIT
// Kept in memory, up to a number and a size; the oldest go. With a file they outlive the program: a SQLite
// database that a worker keeps equal.
#pragma once

#include <SQLiteCpp/Database.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "apps/worker.hpp"

namespace monitor {

/// A JSON object. Later ones have higher numbers; some between may be missing.
struct numbered_record {
  std::int64_t number;
  std::string text;
};

/// Records in a file. Its calls may block and may throw SQLite::Exception.
class history_file {
 public:
  explicit history_file(std::string const& path);

  /// The newest records, oldest first.
  [[nodiscard]] std::vector<numbered_record> newest(std::size_t count);
  /// Adds records and removes those whose numbers are below `first`.
  void write(std::vector<numbered_record> const& added, std::int64_t first);

 private:
  SQLite::Database database_;
};

class history {
 public:
  struct limits {
    std::size_t events;
    std::size_t bytes;
  };
  /// An empty path: memory alone. Throws std::runtime_error when the file can't be used.
  history(siokit::server& io, std::string const& path, limits within);
  ~history() { write(); }
  history(history const&) = delete;
  history& operator=(history const&) = delete;

  /// `record`: a JSON object.
  void add(std::string record);
  [[nodiscard]] std::deque<numbered_record> const& records() const noexcept { return records_; }
  /// {"events": [...], "total": n}
  [[nodiscard]] std::string json() const;

 private:
  void keep(std::string record);
  /// Has the worker write what is not in the file yet. What it fails to write is tried again at the next
  /// add().
  void write();

  limits limits_;
  std::deque<numbered_record> records_;
  std::size_t bytes_ = 0;
  std::int64_t next_ = 1;             // number of the record to come
  std::int64_t unwritten_ = 1;        // of the first that the worker has not been given
  bool writing_ = false;              // the worker has not finished
  std::optional<history_file> file_;  // belongs to the worker's thread
  std::optional<apps::worker> worker_;
};

}  // namespace monitor
