// siokit/net/admin_ui.hpp - the server's side of the official Admin UI.   SPDX-License-Identifier: MIT
// Spec: the npm package @socket.io/admin-ui, whose page connects to a namespace of its own, /admin, and sees
// there what goes on in all others. In: what engine and hub tell their observers. Out: events to those who
// look; while nobody does, none. Owns the sessions of admins. Bounded in all it keeps and sends.
#pragma once

#ifdef _WIN32
#include <process.h>
#else
#include <unistd.h>
#endif

#include <algorithm>
#include <asio/ip/host_name.hpp>
#include <deque>
#include <optional>
#include <unordered_map>

#include "siokit/net/admin_ui_counts.hpp"
#include "siokit/net/admin_ui_shown.hpp"
#include "siokit/net/server.hpp"

namespace siokit::inline v0::net {

class admin_ui;

/// The answer to a name and a password, to be given once, now or later. A plain value. May be called from any
/// thread while the server lives, because hashes of passwords take their time: compare them on a thread of
/// your own.
class admin_answer {
 public:
  void operator()(bool good) const;

 private:
  friend class admin_ui;
  admin_answer(admin_ui& asked, std::uint64_t number) noexcept : asked_(&asked), number_(number) {}

  admin_ui* asked_;
  std::uint64_t number_;
};

/// Who may look. There is no default: that nobody is asked must be said, as upstream.
class admin_auth {
 public:
  /// Decides about a name and a password.
  using check_function =
      unique_function<void(std::string_view username, std::string_view password, admin_answer answer)>;

  /// Whoever comes is let in. For development.
  [[nodiscard]] static admin_auth nobody_is_asked() noexcept { return {}; }

  template <class Callable>
  requires std::is_invocable_v<Callable&, std::string_view, std::string_view, admin_answer> admin_auth(
      Callable&& check)
      : check_(std::forward<Callable>(check)), asks_(true) {}

 private:
  friend class admin_ui;
  admin_auth() noexcept = default;

  check_function check_;
  bool asks_ = false;
};

enum class admin_mode : std::uint8_t {
  development,  ///< every socket, room and event
  production,   ///< figures alone, which cost next to nothing
};

/// The options of instrument() upstream, in snake_case, and limits.
struct admin_ui_options {
  admin_auth auth;
  std::string namespace_name = "/admin";
  admin_mode mode = admin_mode::development;
  bool readonly = false;    ///< admins look, and change nothing
  std::string server_id{};  ///< empty: the name of this machine
  /// What the page shows as `data` of a socket: a JSON object. See admin_ui::update().
  unique_function<std::string(hub::socket&)> data{};
  /// Who is let in by a password may come back for so long without it; of many, the oldest may not.
  duration session_lifetime = std::chrono::hours(24);
  std::size_t sessions_max = 1000;
  /// Passwords that are being checked at a time: until their answers, even if who asked is gone.
  std::size_t logins_max = 16;
  /// Events that came or were sent, beyond which they are not shown. So many changes of sockets and rooms,
  /// too; beyond that all sockets are shown anew every two seconds.
  std::size_t events_per_second_max = 1000;
  /// Of the arguments of an event; from the first that does not fit, their number and size are shown.
  std::size_t args_bytes_max = 10'000;
  /// Of the list of all sockets; those beyond it are not shown.
  std::size_t list_bytes_max = 4'000'000;
};

namespace impl {

/// Admins who need no password again.
class admin_sessions {
 public:
  /// A new session: 16 hexadecimal digits.
  [[nodiscard]] std::string open(time_point expires, std::size_t sessions_max) {
    std::uint8_t bytes[8];
    random_bytes(bytes);
    constexpr std::string_view digits = "0123456789abcdef";
    std::string id;
    for (auto const byte : bytes) id.append({digits[byte >> 4], digits[byte & 15]});
    all_.push_back({id, expires});
    while (all_.size() > sessions_max) all_.pop_front();
    return id;
  }
  [[nodiscard]] bool knows(std::string_view id, time_point now) {
    while (!all_.empty() && all_.front().expires <= now) all_.pop_front();  // all live equally long
    return std::any_of(all_.begin(), all_.end(), [id](session const& each) { return each.id == id; });
  }

 private:
  struct session {
    std::string id;
    time_point expires;
  };
  std::deque<session> all_;
};

/// So many in a second, and no more.
class admin_budget {
 public:
  [[nodiscard]] bool take(time_point now, std::size_t per_second) noexcept {
    if (now >= ends_) {
      ends_ = now + std::chrono::seconds(1);
      used_ = 0;
    }
    return used_++ < per_second;
  }

 private:
  time_point ends_{};
  std::size_t used_ = 0;
};

struct admin_nsp_count {
  std::string name;
  std::size_t sockets_count;
};

/// The report that comes every two seconds.
struct admin_stats {
  std::string server_id, hostname;
  std::int64_t pid = 0;
  double uptime = 0;  // seconds
  std::size_t clients_count = 0, polling_clients_count = 0;
  std::vector<admin_count> aggregated_events;
  std::vector<admin_nsp_count> namespaces;
};

}  // namespace impl

/// Made by instrument().
class admin_ui final : private hub::socket_observer {
 public:
  admin_ui(server& io, admin_ui_options options);
  admin_ui(admin_ui const&) = delete;
  admin_ui& operator=(admin_ui const&) = delete;
  virtual ~admin_ui() = default;

  /// Shows what the option `data` says of this socket by now.
  void update(hub::socket& s);

 private:
  friend class admin_answer;
  /// Who has given a password, until he is in.
  struct login {
    hub::socket_ref who;
    std::optional<hub::next> go_on;  // none: the password was right
    std::string session{};           // made then
  };
  /// Told when the turn is over: the page must hear of a disconnect before it hears of the rooms.
  struct left_room {
    std::string nsp, room, id;
  };

  void on_connected(hub::socket& s) override;
  void on_disconnected(hub::socket& s, hub::disconnect_reason why) override;
  void on_upgraded(hub::socket& s) override;
  void on_joined(hub::nsp& space, std::string_view room, std::string_view id) override;
  void on_left(hub::nsp& space, std::string_view room, std::string_view id) override;
  void on_received(hub::socket& s, std::string_view event, socketio::args const& all) override;
  void on_sent(hub::socket& s, std::string_view event, socketio::args const& all) override;

  void admit(hub::socket& s, hub::next go_on);
  void settle(std::uint64_t number, bool good);
  void welcome(hub::socket& s);
  void take_orders();
  [[nodiscard]] std::optional<hub::broadcast> whom(std::string_view nsp,
                                                   std::optional<std::string> const& filter);
  void report();
  [[nodiscard]] impl::admin_stats stats();
  [[nodiscard]] std::vector<hub::nsp*> namespaces() const;
  [[nodiscard]] std::string all_sockets();
  [[nodiscard]] shown_socket shown(hub::socket& s);
  [[nodiscard]] std::string data_of(hub::socket& s);
  void show_event(std::string_view what, hub::socket& s, std::string_view event, socketio::args const& all);

  [[nodiscard]] bool development() const noexcept { return options_.mode == admin_mode::development; }
  [[nodiscard]] bool watched() const noexcept { return space_.size() > 0; }
  /// Whether a change may be told now. If not, the whole is told at the next report.
  [[nodiscard]] bool may_tell() {
    if (!watched()) return false;
    bool const good = changes_.take(net::now(), options_.events_per_second_max);
    outdated_ |= !good;
    return good;
  }
  template <class... Args>
  void tell(std::string_view event, Args const&... args) {
    static_cast<void>(space_.emit(event, args...));
  }
  [[nodiscard]] static std::string timestamp() {
    return iso_time(std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
  }

  server& io_;
  admin_ui_options options_;
  hub::nsp& space_;
  admin_counts counts_;
  impl::admin_sessions sessions_;
  std::unordered_map<std::uint64_t, login> logins_;
  std::uint64_t login_count_ = 0;
  std::vector<left_room> left_;
  impl::admin_budget events_, changes_;
  std::vector<std::string_view> features_;
  time_point const started_ = net::now();
  bool outdated_ = false;  // what admins see of sockets and rooms
};

/// Lets the page of @socket.io/admin-ui connect to a server: `instrument(io, options)` upstream. What it
/// returns lives as long as the server.
inline admin_ui& instrument(server& io, admin_ui_options options) {
  auto const made = std::make_shared<admin_ui>(io, std::move(options));
  io.keep(made);
  return *made;
}

}  // namespace siokit::inline v0::net

template <>
struct siokit::argument<siokit::net::impl::admin_nsp_count>
    : siokit::object_argument<siokit::net::impl::admin_nsp_count> {
  using counted = siokit::net::impl::admin_nsp_count;
  static constexpr auto fields = std::tuple(siokit::field("name", &counted::name),
                                            siokit::field("socketsCount", &counted::sockets_count));
};
template <>
struct siokit::argument<siokit::net::impl::admin_stats>
    : siokit::object_argument<siokit::net::impl::admin_stats> {
  using stats = siokit::net::impl::admin_stats;
  static constexpr auto fields =
      std::tuple(siokit::field("serverId", &stats::server_id), siokit::field("hostname", &stats::hostname),
                 siokit::field("pid", &stats::pid), siokit::field("uptime", &stats::uptime),
                 siokit::field("clientsCount", &stats::clients_count),
                 siokit::field("pollingClientsCount", &stats::polling_clients_count),
                 siokit::field("aggregatedEvents", &stats::aggregated_events),
                 siokit::field("namespaces", &stats::namespaces));
};

namespace siokit::inline v0::net {

inline admin_ui::admin_ui(server& io, admin_ui_options options)
    : io_(io),
      options_(std::move(options)),
      space_(io.of(options_.namespace_name)),
      counts_(io.engine().config().observer) {
  if (!options_.readonly) {
    features_ = {"EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"};
    take_orders();
  }
  features_.emplace_back("AGGREGATED_EVENTS");
  if (development()) features_.emplace_back("ALL_EVENTS");
  space_.use([this](hub::socket& s, hub::next go_on) { admit(s, std::move(go_on)); });
  space_.on_connection([this](hub::socket& s) { welcome(s); });
  io.engine().observe(&counts_);
  if (development()) io.observe(this);
  report();
}

// Who may look.

inline void admin_ui::admit(hub::socket& s, hub::next go_on) {
  if (!options_.auth.asks_) return go_on();
  auto const auth = s.handshake();
  auto const session = auth.auth<std::string>("sessionId");
  if (session && sessions_.knows(*session, net::now())) return go_on();
  auto const username = auth.auth<std::string>("username"), password = auth.auth<std::string>("password");
  if (!username || !password || !options_.auth.check_) return go_on.refuse("invalid credentials");
  // A check that still runs counts, whoever asked for it is gone or not.
  std::erase_if(logins_, [](auto const& each) { return !each.second.go_on && !each.second.who; });
  if (logins_.size() >= options_.logins_max) return go_on.refuse("too many logins at once");
  std::uint64_t const number = ++login_count_;
  logins_.emplace(number, login{s.ref(), std::move(go_on)});
  options_.auth.check_(*username, *password, admin_answer(*this, number));
}

inline void admin_answer::operator()(bool good) const {
  asked_->io_.post([asked = asked_, number = number_, good] { asked->settle(number, good); });
}

inline void admin_ui::settle(std::uint64_t number, bool good) {
  auto const found = logins_.find(number);
  if (found == logins_.end() || !found->second.go_on) return;
  auto go_on = std::exchange(found->second.go_on, std::nullopt);
  hub::socket* const s = found->second.who.get();
  if (!good || s == nullptr) {
    logins_.erase(found);
    return go_on->refuse("invalid credentials");
  }
  time_point const expires = later(net::now(), options_.session_lifetime);
  found->second.session = sessions_.open(expires, options_.sessions_max);
  static_cast<void>(s->emit("session", found->second.session));
  (*go_on)();
}

/// The session is told before the connect, as upstream, and once more: the page listens from then on.
inline void admin_ui::welcome(hub::socket& s) {
  auto const passed = std::find_if(logins_.begin(), logins_.end(),
                                   [&s](auto const& each) { return each.second.who.get() == &s; });
  if (passed != logins_.end()) {
    static_cast<void>(s.emit("session", passed->second.session));
    logins_.erase(passed);
  }
  std::map<std::string, std::vector<std::string_view>> const config{{"supportedFeatures", features_}};
  static_cast<void>(s.emit("config", config));
  if (development()) static_cast<void>(s.emit("all_sockets", raw_json{all_sockets()}));
}

// What admins want done.

inline std::optional<hub::broadcast> admin_ui::whom(std::string_view nsp,
                                                    std::optional<std::string> const& filter) {
  hub::nsp* const space = io_.find_nsp(nsp);
  if (space == nullptr) return std::nullopt;
  return filter && !filter->empty() ? space->to(*filter) : space->local();
}

inline void admin_ui::take_orders() {
  using text = std::string const&;
  using filter = std::optional<std::string> const&;
  space_.on("emit", [this](text nsp, filter room, text event, socketio::args const& all) {
    if (auto const to = whom(nsp, room)) static_cast<void>(to->emit(event, all));
  });
  space_.on("join", [this](text nsp, text room, filter within) {
    if (auto const all = whom(nsp, within)) all->sockets_join(room);
  });
  space_.on("leave", [this](text nsp, text room, filter within) {
    if (auto const all = whom(nsp, within)) all->sockets_leave(room);
  });
  space_.on("_disconnect", [this](text nsp, std::optional<bool> close, filter within) {
    if (auto const all = whom(nsp, within)) all->disconnect_sockets(close.value_or(false));
  });
}

// What admins see.

inline void admin_ui::report() {
  io_.after(std::chrono::seconds(2), [this] { report(); });
  if (!watched()) {
    static_cast<void>(counts_.take());
    return;
  }
  if (std::exchange(outdated_, false)) tell("all_sockets", raw_json{all_sockets()});
  tell("server_stats", stats());
}

inline impl::admin_stats admin_ui::stats() {
  impl::admin_stats out;
  std::error_code ignored;
  out.hostname = asio::ip::host_name(ignored);
  out.server_id = options_.server_id.empty() ? out.hostname : options_.server_id;
#ifdef _WIN32
  out.pid = ::_getpid();
#else
  out.pid = ::getpid();
#endif
  out.uptime = std::chrono::duration<double>(net::now() - started_).count();
  for (handle const each : io_.engine().sessions()) {
    auto const* session = io_.engine().find(each);
    if (session == nullptr || session->closed()) continue;
    ++out.clients_count;
    if (session->current() == engineio::transport::polling) ++out.polling_clients_count;
  }
  out.aggregated_events = counts_.take();
  for (hub::nsp const* const each : namespaces()) {
    out.namespaces.push_back({std::string(each->name()), each->size()});
  }
  return out;
}

inline std::vector<hub::nsp*> admin_ui::namespaces() const {
  auto all = io_.nsps();
  std::sort(all.begin(), all.end(), [](auto const* a, auto const* b) { return a->name() < b->name(); });
  return all;
}

inline std::string admin_ui::all_sockets() {
  std::string out = "[";
  for (hub::nsp* const each : namespaces()) {
    for (auto const& at : each->sockets()) {
      hub::socket* const s = at.get();
      if (s == nullptr) continue;  // the hook `data` may end sockets
      auto const json = socketio::encode_json(shown(*s));
      if (!json) continue;
      if (out.size() + json->size() > options_.list_bytes_max) return out += ']';
      if (out.size() > 1) out += ',';
      out += *json;
    }
  }
  return out += ']';
}

inline shown_socket admin_ui::shown(hub::socket& s) {
  return show(s, data_of(s));
}

inline std::string admin_ui::data_of(hub::socket& s) {
  std::string json = options_.data ? options_.data(s) : std::string();
  auto const read = scan_json(json);
  return read && read->kind == json_kind::object && utf8_valid(json) ? json : "{}";
}

inline void admin_ui::update(hub::socket& s) {
  if (development() && may_tell())
    tell("socket_updated", shown_change{s.id(), s.nsp().name(), {}, data_of(s)});
}

inline void admin_ui::on_connected(hub::socket& s) {
  if (may_tell()) tell("socket_connected", shown(s), timestamp());
}
inline void admin_ui::on_disconnected(hub::socket& s, hub::disconnect_reason why) {
  if (may_tell()) tell("socket_disconnected", s.nsp().name(), s.id(), to_string(why), timestamp());
}
inline void admin_ui::on_upgraded(hub::socket& s) {
  if (may_tell()) tell("socket_updated", shown_change{s.id(), s.nsp().name(), to_string(s.transport()), {}});
}
inline void admin_ui::on_joined(hub::nsp& space, std::string_view room, std::string_view id) {
  if (may_tell()) tell("room_joined", space.name(), shown_name(room), id, timestamp());
}
inline void admin_ui::on_left(hub::nsp& space, std::string_view room, std::string_view id) {
  if (!may_tell()) return;
  left_.push_back({std::string(space.name()), std::string(shown_name(room)), std::string(id)});
  if (left_.size() > 1) return;  // it is on its way
  io_.post([this] {
    for (auto const& each : std::exchange(left_, {})) {
      tell("room_left", each.nsp, each.room, each.id, timestamp());
    }
  });
}

inline void admin_ui::show_event(std::string_view what, hub::socket& s, std::string_view event,
                                 socketio::args const& all) {
  if (&s.nsp() == &space_ || !watched()) return;
  if (!events_.take(net::now(), options_.events_per_second_max)) return;
  tell(what, s.nsp().name(), s.id(), shown_event{event, &all, options_.args_bytes_max}, timestamp());
}
inline void admin_ui::on_received(hub::socket& s, std::string_view event, socketio::args const& all) {
  show_event("event_received", s, event, all);
}
inline void admin_ui::on_sent(hub::socket& s, std::string_view event, socketio::args const& all) {
  show_event("event_sent", s, event, all);
}

}  // namespace siokit::inline v0::net

namespace siokit::inline v0 {
using net::admin_answer;
using net::admin_auth;
using net::admin_mode;
using net::admin_ui;
using net::admin_ui_options;
using net::instrument;
}  // namespace siokit::inline v0
