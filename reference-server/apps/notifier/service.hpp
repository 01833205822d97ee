// The notifier at work: who may connect, what clients say, what operators ask for.
// SPDX-License-Identifier: MIT
// Everything that asks the database runs on the worker and comes back to the server's thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "apps/app.hpp"
#include "apps/http_api.hpp"
#include "apps/rate_limit.hpp"
#include "apps/worker.hpp"
#include "capabilities.hpp"
#include "sessions.hpp"
#include "socket_notifier.hpp"
#include "users.hpp"

namespace notifier {

struct options {
  std::string db;                                  ///< a file; empty: memory
  std::size_t offline_queue = 0;                   ///< events kept for a user who is offline
  std::size_t devices_max = 0;                     ///< connections of a user; 0: any number
  std::optional<apps::rate> event_rate;            ///< of a user's events
  std::set<std::string, std::less<>> event_allow;  ///< what clients may send; empty: everything
};

class service final : public apps::running {
 public:
  static constexpr std::size_t id_bytes_max = 256;    // of users, tokens, events
  static constexpr std::uint32_t questions_max = 16;  // that a socket may have the worker asked at once

  service(siokit::server& io, options given, std::string const& admin_token);

 private:
  using http_request = siokit::net::http_request;
  using http_reply = siokit::net::http_reply;

  // Clients: service.cpp
  void authenticate(socket& s, siokit::next go_on);
  void admit(socket& s, apps::outcome<std::optional<user>> const& found, siokit::next go_on);
  void on_connection(socket& s);
  void install_events();
  void set_capabilities(socket& s, json const& request);
  void get_capabilities(socket& s, json const& request);
  void refresh_token(socket& s, siokit::ack reply);
  void show_health(http_reply reply);
  /// Runs `job()` on the worker for a client, who is refused when he has too much asked already.
  template <class Job, class Then>
  void ask_worker(socket& s, Job job, Then then);
  [[nodiscard]] json capabilities_of(std::string const& user_id);  // on the worker
  [[nodiscard]] static json counts_of(json const& catalogue);

  // What follows a change of a user
  /// Pushes `user_expired` when the date passes, and then disconnects.
  void watch_expiry(user const& one);
  void end_expired(std::string const& user_id);
  /// Tells users what they may do now; one who is gone is told nothing.
  void push_capabilities(std::vector<std::string> const& user_ids);
  void push_sessions(std::string const& user_id);
  /// What a user who has just been told why is not to see any more.
  void disconnect(std::string const& user_id);

  // Operators: admin_api.cpp
  void install_admin_api(std::string const& token);
  void add_user(json const& body, http_reply reply);
  void change_user(std::string const& id, json const& body, http_reply reply);
  void tell_changes(user const& before, user const& after, json const& body);
  void remove_user(std::string const& id, http_reply reply);
  void notify(json const& body, http_reply reply);
  void send_system_message(json const& body, http_reply reply);
  void request(json const& body, http_reply reply);
  void show_online(http_reply reply);
  void show_connections(std::string const& id, http_reply reply);
  void add_session(json const& body, http_reply reply);
  void initialize_session(std::string const& id, json const& body, http_reply reply);
  void close_session(std::string const& id, http_reply reply);
  void set_servers(json const& body, http_reply reply);

  siokit::server& io_;
  options options_;
  std::int64_t started_ = apps::unix_ms();
  socket_notifier notifier_;
  sessions sessions_;
  std::map<std::string, siokit::server::timer> expiries_;  // of users who are online
  std::map<std::string, apps::rate_limit> event_counts_;   // the same
  users users_;                                            // belongs to the worker's thread, once that runs
  json server_counts_ = counts_of(users_.catalogue());
  apps::worker worker_;
};

}  // namespace notifier
