// siokit/hub/listeners.hpp - who listens to which event.   SPDX-License-Identifier: MIT
// Listeners may be added and removed while one of them runs, the running one included: removal marks, and the
// memory is freed when no dispatch is under way. Looking up an event allocates nothing.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

#include "siokit/hub/handler.hpp"

namespace siokit::inline v0::hub {

/// Names one listener for its removal.
struct listener_id {
  std::uint64_t value = 0;

  /// False: nothing was registered.
  explicit operator bool() const noexcept { return value != 0; }
  friend bool operator==(listener_id, listener_id) = default;
};

/// A list of callables of one signature that can change while it is walked.
template <class Handler>
class listener_list {
 public:
  /// An empty callable is no listener.
  void add(listener_id id, bool once, Handler call) {
    if (call) items_.push_back(std::make_unique<item>(item{id, once, std::move(call)}));
  }
  /// The same, before all others.
  void prepend(listener_id id, Handler call) {
    add(id, false, std::move(call));
    if (items_.empty() || items_.back()->id != id) return;
    items_.back()->first = changed_ = true;
    sweep();
  }
  bool remove(listener_id id) noexcept {
    for (auto& entry : items_) {
      if (entry->id != id || entry->removed) continue;
      entry->removed = changed_ = true;
      sweep();
      return true;
    }
    return false;
  }
  void remove_all() noexcept {
    for (auto& entry : items_) entry->removed = changed_ = true;
    sweep();
  }
  /// This one instead of all others.
  void replace(Handler call) {
    remove_all();
    add({}, false, std::move(call));
  }
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }

  /// Calls `visit(handler)` for each listener present when the walk began and not removed since. If it
  /// returns false, the listener was not called after all: that does not count for once().
  template <class Visit>
  void walk(Visit&& visit) {
    if (items_.empty()) return;
    struct guard {
      listener_list& list;
      explicit guard(listener_list& l) noexcept : list(l) { ++list.walks_; }
      ~guard() {
        --list.walks_;
        list.sweep();
      }
    } const walking(*this);
    std::size_t const end = items_.size();
    for (std::size_t i = 0; i < end; ++i) {
      item& entry = *items_[i];
      if (entry.removed || entry.spent) continue;
      entry.spent = entry.once;  // before the call, which may lead here again
      changed_ |= entry.once;
      if constexpr (std::is_void_v<decltype(visit(entry.call))>) {
        visit(entry.call);
      } else if (!visit(entry.call)) {
        entry.spent = false;
      }
    }
  }

 private:
  struct item {
    listener_id id;
    bool once;
    Handler call;
    bool removed = false;
    bool spent = false;  // once, and called
    bool first = false;  // to be moved to the front, which a walk must not see
  };
  void sweep() noexcept {
    if (walks_ != 0 || !std::exchange(changed_, false)) return;
    std::erase_if(items_, [](auto const& entry) { return entry->removed || entry->spent; });
    for (auto each = items_.begin(); each != items_.end(); ++each) {
      if (std::exchange((*each)->first, false)) std::rotate(items_.begin(), each, each + 1);
    }
  }

  std::vector<std::unique_ptr<item>> items_;
  std::uint32_t walks_ = 0;
  bool changed_ = false;  // an item is to be freed, or moved
};

/// The listeners of one emitter, by event name. `Socket` and `Ack`: what its handlers are given.
template <class Socket, class Ack>
class basic_listeners {
 public:
  using event_handler = hub::event_handler<Socket, Ack>;

  void add(std::string_view event, listener_id id, bool once, event_handler call) {
    by_event_.try_emplace(std::string(event)).first->second.add(id, once, std::move(call));
  }
  bool remove(listener_id id) noexcept {
    for (auto each = by_event_.begin(); each != by_event_.end(); ++each) {
      if (!each->second.remove(id)) continue;
      if (each->second.empty()) by_event_.erase(each);
      return true;
    }
    return any_.remove(id);
  }
  /// Those of events by their names.
  void remove_all() noexcept {
    for (auto& [event, list] : by_event_) list.remove_all();
    std::erase_if(by_event_, [](auto const& each) { return each.second.empty(); });
  }
  void remove_all(std::string_view event) noexcept {
    auto const found = by_event_.find(event);
    if (found == by_event_.end()) return;
    found->second.remove_all();
    if (found->second.empty()) by_event_.erase(found);
  }

  using any_handler = unique_function<void(Socket&, std::string_view, args const&)>;

  template <class Visit>
  void walk(std::string_view event, Visit&& visit) {
    auto const found = by_event_.find(event);
    if (found == by_event_.end()) return;
    listener_list<event_handler>& list = found->second;
    list.walk(visit);
    if (!list.empty()) return;  // a walk that this one is part of keeps its own
    if (auto const again = by_event_.find(event); again != by_event_.end()) by_event_.erase(again);
  }
  [[nodiscard]] listener_list<any_handler>& any() noexcept { return any_; }

 private:
  /// Of the length, and of what stands at both ends: the names are the application's own, so that nobody can
  /// choose them to collide.
  struct text_hash {
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(std::string_view text) const noexcept {
      std::size_t const size = text.size();
      auto const ends = [&]<class Word>(Word front) -> std::uint64_t {
        Word back;
        std::memcpy(&front, text.data(), sizeof front);
        std::memcpy(&back, text.data() + size - sizeof back, sizeof back);
        return front ^ std::rotl(std::uint64_t{back}, 29);
      };
      std::uint64_t const letters = size >= 8   ? ends(std::uint64_t{})
                                    : size >= 4 ? ends(std::uint32_t{})
                                    : size >= 2 ? ends(std::uint16_t{})
                                    : size == 1 ? ends(std::uint8_t{})
                                                : 0;
      return static_cast<std::size_t>(((letters ^ size) * 0x9E3779B97F4A7C15) >> 20);
    }
  };
  std::unordered_map<std::string, listener_list<event_handler>, text_hash, std::equal_to<>> by_event_;
  listener_list<any_handler> any_;
};

}  // namespace siokit::inline v0::hub
