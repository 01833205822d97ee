// siokit/hub/server_group_verbs.hpp - what servers of a group tell each other.   SPDX-License-Identifier: MIT
// See server_group.hpp. Path: server_side_emit -> inbox of the others -> read_letters -> their listeners ->
// server_ack -> inbox of the asker -> read_letters -> the callback.
#pragma once

#include "siokit/hub/server.hpp"
#include "siokit/socketio/read_back.hpp"

namespace siokit::inline v0::hub {

template <class Callable>
listener_id nsp::on_server_side(std::string_view event, Callable&& callable) {
  auto const id = server_->next_listener();
  server_side_.add(event, id, false, make_event_handler<nsp, server_ack>(std::forward<Callable>(callable)));
  return id;
}

template <class... Args>
result<void> nsp::server_side_emit(std::string_view event, Args&&... args) {
  if constexpr (impl::ends_in_callback<Args...>) {
    return impl::with_callback(
        [&]<class Callback>(Callback&& callback, auto const&... values) -> result<void> {
          static_assert(std::is_invocable_v<Callback, std::error_code, responses const&>,
                        "servers answer as many: void(std::error_code, responses const&)");
          auto packet = socketio::encode_event(name_, {}, event, values...);
          if (!packet) return tl::unexpected(packet.error());
          server_->ask_servers(*this, *packet, std::forward<Callback>(callback));
          return {};
        },
        std::forward<Args>(args)...);
  } else {
    auto packet = socketio::encode_event(name_, {}, event, args...);
    if (!packet) return tl::unexpected(packet.error());
    server_->ask_servers(*this, *packet, {});
    return {};
  }
}

inline void server::ask_servers(nsp& from, message const& packet, responses_handler call) {
  turn const scope(*this);
  constexpr auto patience = std::chrono::seconds(5);  // that of the official adapters
  bool const wanted = static_cast<bool>(call);
  auto& side = server_side();
  impl::server_side::question asked{++side.last_question, {}, {}, later(now(), patience)};
  if (wanted) asked.all = siokit::ref(new impl::gathering(std::move(call)));
  if (config_.group != nullptr) {
    for (server* const other : config_.group->members_) {
      if (other == this) continue;
      if (wanted) ++asked.all->missing, asked.asked.push_back(other);
      other->post_letter({packet, std::string(from.name()), wanted ? lifeline_.ref() : lifeline_ref<server>(),
                          asked.number});
    }
  }
  if (!wanted) return;
  auto const all = asked.all;
  if (!asked.asked.empty()) side.questions.push_back(std::move(asked));
  run_for({}, [&] { all->release(); });
}

inline void server::post_letter(impl::server_side::letter what) {
  server_side().inbox.push_back(std::move(what));
  static_cast<void>(now());  // wakes the host
}

inline void server::read_letters(time_point now) {
  while (!side_->inbox.empty()) {
    auto const in = std::move(side_->inbox.front());
    side_->inbox.pop_front();
    socketio::read_back(in.packet, [&](socketio::packet_view const& packet, args const& all) {
      run_for({}, [&] { in.answer_from != nullptr ? on_answer(in, all) : on_letter(in, packet, all); });
    });
  }
  while (!side_->left.empty()) {
    auto const all = std::move(side_->left.back());
    side_->left.pop_back();
    run_for({}, [&] { all->settle(make_error_code(errc::not_connected), {}); });
  }
  while (side_->next_deadline() <= now) {
    auto const late = std::move(side_->questions.front());
    side_->questions.pop_front();
    run_for({}, [&] {
      for (std::size_t i = 0; i < late.asked.size(); ++i) {
        late.all->settle(make_error_code(errc::timed_out), {});
      }
    });
  }
}

inline void server::on_letter(impl::server_side::letter const& in, socketio::packet_view const& packet,
                              args const& all) {
  auto const found = nsps_.find(in.nsp);
  if (found == nsps_.end()) return;
  std::string name;
  json_unescape(packet.name_raw(), name);
  server_ack reply(in.asker, in.question, this);
  nsp& space = *found->second;  // a listener may make others
  space.server_side_.walk(name, [&](auto& call) { return call(space, all, reply).has_value(); });
}

inline void server::on_answer(impl::server_side::letter const& in, args const& all) {
  auto const open = std::find_if(side_->questions.begin(), side_->questions.end(),
                                 [&in](auto const& each) { return each.number == in.question; });
  if (open == side_->questions.end() || std::erase(open->asked, in.answer_from) == 0) return;
  auto const gathering = open->all;
  if (open->asked.empty()) side_->questions.erase(open);
  gathering->settle({}, all);
}

/// A member that is gone answers nothing. Told later: a destructor runs no handlers.
inline void server::forget_server(server const* gone) {
  if (!side_) return;
  for (auto each = side_->questions.begin(); each != side_->questions.end();) {
    bool const answered = std::any_of(side_->inbox.begin(), side_->inbox.end(), [&](auto const& letter) {
      return letter.answer_from == gone && letter.question == each->number;
    });
    if (!answered && std::erase(each->asked, gone) > 0) side_->left.push_back(each->all);
    each = each->asked.empty() ? side_->questions.erase(each) : std::next(each);
  }
  if (side_->has_news()) static_cast<void>(now());
}

inline void server::join_group() {
  if (config_.group != nullptr) config_.group->members_.push_back(this);
}

inline void server::leave_group() {
  if (config_.group == nullptr) return;
  auto& members = config_.group->members_;
  std::erase(members, this);
  for (server* const other : members) other->forget_server(this);
}

template <class... Args>
result<void> server_ack::operator()(Args const&... values) {
  server* const asker = std::exchange(asker_, {}).get();
  if (asker == nullptr) return local_error(errc::gone);
  auto packet = socketio::encode_ack("/", 0, values...);
  if (!packet) return tl::unexpected(packet.error());
  asker->post_letter({std::move(*packet), {}, {}, question_, answering_});
  return {};
}

}  // namespace siokit::inline v0::hub
