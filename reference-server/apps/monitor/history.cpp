// See history.hpp.   SPDX-License-Identifier: MIT
#include "history.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace monitor {

history_file::history_file(std::string const& path)
    : database_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5000) {
  database_.exec("PRAGMA journal_mode = WAL");  // a commit need not wait for the disk
  database_.exec("PRAGMA synchronous = NORMAL");
  database_.exec("CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, record TEXT NOT NULL)");
}

std::vector<numbered_record> history_file::newest(std::size_t count) {
  SQLite::Statement query(database_, "SELECT number, record FROM events ORDER BY number DESC LIMIT ?");
  query.bind(1, static_cast<std::int64_t>(count));
  std::vector<numbered_record> out;
  while (query.executeStep()) {
    out.push_back({query.getColumn(0).getInt64(), query.getColumn(1).getString()});
  }
  std::reverse(out.begin(), out.end());
  return out;
}

void history_file::write(std::vector<numbered_record> const& added, std::int64_t first) {
  SQLite::Transaction whole(database_);
  SQLite::Statement insert(database_, "INSERT OR REPLACE INTO events VALUES (?, ?)");
  for (auto const& [number, text] : added) {
    insert.bind(1, number);
    insert.bindNoCopy(2, text);
    insert.exec();
    insert.reset();
  }
  SQLite::Statement erase(database_, "DELETE FROM events WHERE number < ?");
  erase.bind(1, first);
  erase.exec();
  whole.commit();
}

history::history(siokit::server& io, std::string const& path, limits within) : limits_(within) {
  if (path.empty()) return;
  try {
    for (auto& [number, text] : file_.emplace(path).newest(limits_.events)) {
      next_ = number;
      keep(std::move(text));
    }
  } catch (SQLite::Exception const& failure) {
    throw std::runtime_error("--history: " + path + ": " + failure.what());
  }
  unwritten_ = next_;
  worker_.emplace(io);
}

void history::add(std::string record) {
  keep(std::move(record));
  if (!writing_) write();
}

void history::keep(std::string record) {
  bytes_ += record.size();
  records_.push_back({next_++, std::move(record)});
  while (records_.size() > limits_.events || bytes_ > limits_.bytes) {
    bytes_ -= records_.front().text.size();
    records_.pop_front();
  }
}

void history::write() {
  if (!worker_ || unwritten_ == next_) return;
  auto const from = std::exchange(unwritten_, next_);
  std::vector<numbered_record> added(
      std::partition_point(records_.begin(), records_.end(),
                           [from](numbered_record const& each) { return each.number < from; }),
      records_.end());
  auto const first = records_.empty() ? next_ : records_.front().number;
  writing_ = true;
  worker_->run(
      [this, added = std::move(added), first] {
        file_->write(added, first);
        return apps::done();
      },
      [this, from](apps::outcome<apps::done> written) {
        writing_ = false;
        if (written) return write();
        spdlog::error("history not written: {}", written.error());
        unwritten_ = from;
      });
}

std::string history::json() const {
  std::string out = R"({"events":[)";
  out.reserve(bytes_ + records_.size() + 64);
  for (auto const& each : records_) (out += each.text) += ',';
  if (!records_.empty()) out.pop_back();
  return out + R"(],"total":)" + std::to_string(records_.size()) + '}';
}

}  // namespace monitor
