// What was promised in a story, and whether it was kept.   SPDX-License-Identifier: MIT
// A line is one socket of one client process. Upwards its events have numbers, and are told as sent, then as
// received; downwards the server numbers those of each stay, of each namespace and of each room.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace sim_test {

class ledger {
 public:
  void fault(std::string what) { faults_.push_back(std::move(what)); }
  void expect(bool holds, std::string const& what) {
    if (!holds) fault(what);
  }
  [[nodiscard]] std::vector<std::string> const& faults() const noexcept { return faults_; }

  // Upwards. Without retries: what is received in a stay is, from its first event on, what was sent in it.
  // With retries: each number comes, the first time, behind the one before it; again as often as it likes.

  std::uint64_t new_line(bool retries) {
    lines_.emplace_back().retries = retries;
    return lines_.size() - 1;
  }
  [[nodiscard]] std::uint64_t next_event(std::uint64_t line) { return ++lines_[line].emitted; }
  /// It was refused or dropped.
  void dropped(std::uint64_t line, std::uint64_t number) { lines_[line].lost.insert(number); }
  /// Nobody waits for its answer any more: if it was not sent yet, it never is.
  void given_up(std::uint64_t line, std::uint64_t number) {
    if (number > lines_[line].sent_last) dropped(line, number);
  }
  void sent(std::uint64_t line, std::uint64_t number) {
    up_line& of = lines_[line];
    std::uint64_t next = of.sent_last + 1;
    while (of.lost.contains(next)) ++next;
    bool const again = of.retries && number == of.sent_last;
    expect(again || number == next, name(line) + ": sent " + text(number) + ", not " + text(next));
    of.sent_last = std::max(of.sent_last, number);
    of.under_way[of.stay].push_back(number);
  }
  void left(std::uint64_t line) { ++lines_[line].stay; }
  /// The server has greeted the client with the number of its stay there.
  void greeted(std::uint64_t line, std::uint64_t serial) {
    up_line const& of = lines_[line];
    auto const known = stays_.find(serial);
    if (known == stays_.end()) return static_cast<void>(stays_.emplace(serial, of.stay));
    expect(known->second >= of.stay, name(line) + ": the server has taken events for those of another stay");
  }
  /// `serial`: of the stay, as the server counts. One that was recovered goes on in another stay of a client.
  void received(std::uint64_t line, std::uint64_t number, std::uint64_t serial) {
    up_line& of = lines_[line];
    ++received_;
    if (of.retries) return received_again(line, number);
    for (auto& [stay, numbers] : of.under_way) {
      if (numbers.empty() || numbers.front() != number) continue;
      auto const known = stays_.find(serial);
      if (known != stays_.end() && stay < known->second) continue;
      stays_[serial] = stay;
      numbers.pop_front();
      of.received_last = std::max(of.received_last, number);
      return;
    }
    fault(name(line) + ": received " + text(number) + " out of order, twice, or behind a gap");
  }
  /// Whether all that was emitted has been sent and, in the present stay, received.
  void expect_complete(std::uint64_t line) {
    up_line& of = lines_[line];
    std::uint64_t last = of.emitted;
    while (of.lost.contains(last)) --last;
    expect(of.sent_last == last, name(line) + ": sent " + text(of.sent_last) + " of " + text(last));
    expect(of.received_last == last,
           name(line) + ": received " + text(of.received_last) + " of " + text(last));
  }
  [[nodiscard]] bool was_received(std::uint64_t line, std::uint64_t number) const {
    up_line const& of = lines_[line];
    return of.received_last >= number;
  }

  // Questions, from either side: each is answered once, or fails once.

  std::uint64_t asked(std::uint64_t owner) {
    open_[++questions_] = owner;
    return questions_;
  }
  void settled(std::uint64_t question) {
    expect(open_.erase(question) == 1, "question " + text(question) + " was settled twice");
  }
  /// The process that asked is dead.
  void died(std::uint64_t owner) {
    std::erase_if(open_, [owner](auto const& each) { return each.second == owner; });
  }
  void expect_no_open_questions() {
    for (auto const& [question, owner] : open_) {
      fault("question " + text(question) + " of " + text(owner) + " was never settled");
    }
  }

  [[nodiscard]] std::uint64_t received_count() const noexcept { return received_; }

 private:
  struct up_line {
    bool retries = false;
    std::uint64_t emitted = 0;
    std::uint64_t sent_last = 0;
    std::uint64_t received_last = 0;
    std::uint64_t stay = 0;
    std::map<std::uint64_t, std::deque<std::uint64_t>> under_way;  // by stay
    std::set<std::uint64_t> lost;
  };

  void received_again(std::uint64_t line, std::uint64_t number) {
    up_line& of = lines_[line];
    std::uint64_t next = of.received_last + 1;
    while (of.lost.contains(next)) ++next;
    expect(number <= next, name(line) + ": received " + text(number) + " before " + text(next));
    of.received_last = std::max(of.received_last, number);
  }
  [[nodiscard]] static std::string text(std::uint64_t number) { return std::to_string(number); }
  [[nodiscard]] static std::string name(std::uint64_t line) { return "line " + text(line); }

  std::vector<std::string> faults_;
  std::deque<up_line> lines_;
  std::map<std::uint64_t, std::uint64_t> stays_;  // of clients, by the server's serial
  std::map<std::uint64_t, std::uint64_t> open_;
  std::uint64_t questions_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace sim_test
