// What the server says to users, and what it asks them.   SPDX-License-Identifier: MIT
// socketNotifier of the JavaScript product, in snake_case. A user is whoever has connections; each call
// reaches all his devices. Belongs to the server's thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "siokit/json/nlohmann.hpp"
#include "siokit/net/server.hpp"

namespace notifier {

using nlohmann::json;
using siokit::socket;

/// What can be asked. The event is the name in lower case.
enum class socket_action : int {
  ask_user_confirm = 1001,
  ask_user_select = 1002,
  get_client_status = 2001,
  get_current_page = 2002,
  get_client_config = 2003,
  get_connection_info = 2004,
  get_capabilities = 3001,
};
/// Empty for a number that is none.
[[nodiscard]] std::string_view event_name(socket_action action) noexcept;

enum class socket_error_code : int {
  timeout = 1001,
  user_offline = 1002,
  invalid_request = 1003,
  unknown_action = 1004,
  client_error = 1101,
  user_rejected = 1102,
  user_cancelled = 1103,
  permission_denied = 1104,
  server_error = 1201,
  service_unavailable = 1202,
};

/// The answer of a client, or why there is none.
struct socket_response {
  std::string request_id;
  bool success = false;
  json data;   ///< null without
  json error;  ///< {code, message}; null without
  std::int64_t timestamp = 0;

  [[nodiscard]] static socket_response failure(std::string request_id, socket_error_code code,
                                               std::string_view message);
  [[nodiscard]] json to_json() const;
};
/// Called exactly once, maybe at once.
using response_handler = siokit::unique_function<void(socket_response)>;

struct user_connection {
  std::string user_id;
  std::string socket_id;
  std::string device_type, device_name, app_version;  ///< empty until the client tells
  std::int64_t connected_at = 0;

  [[nodiscard]] json to_json() const;
};

class socket_notifier {
 public:
  static constexpr std::chrono::milliseconds default_timeout{55'000};
  static constexpr std::size_t pending_max = 100'000;  // requests
  static constexpr std::size_t kept_max = 100'000;     // events for users who are offline, of all of them

  /// `offline_queue`: events that are kept for a user who is offline; 0: none.
  socket_notifier(siokit::server& io, std::size_t offline_queue) : io_(io), offline_queue_(offline_queue) {}

  // Pushing. True: the user is online.

  bool notify_user(std::string const& user_id, std::string_view event, json const& data);
  void notify_all(std::string_view event, json const& data);
  /// The event `notification`; a null in `data` is left out, as is an empty severity.
  bool send_notification(std::string const& user_id, std::string_view type, std::string_view message,
                         std::string_view severity = "info", json const& data = nullptr);
  bool notify_user_disabled(std::string const& user_id, std::string_view reason = {});
  bool notify_permission_changed(std::string const& user_id, json const& capabilities,
                                 std::string_view message = "User permissions have been updated");
  /// Without a user: to everyone.
  bool send_system_message(std::optional<std::string> const& user_id, std::string_view message,
                           std::string_view severity = "info");
  /// `sessions`: a list as sessions::shown_to() makes it. Not kept for users who are offline: who connects
  /// is told.
  bool notify_online_sessions(std::string const& user_id, json const& sessions);

  // Asking: the first answer of any device counts.

  void send_request(std::string const& user_id, socket_action action, json const& data, response_handler then,
                    std::chrono::milliseconds timeout = default_timeout);
  /// Whether the user has explicitly confirmed.
  void ask_user_confirm(std::string const& user_id, std::string_view tool_name,
                        std::string_view tool_description, std::string_view tool_params,
                        siokit::unique_function<void(bool)> then,
                        std::chrono::milliseconds timeout = default_timeout);
  /// The status, null on failure.
  void get_client_status(std::string const& user_id, siokit::unique_function<void(json)> then,
                         std::chrono::milliseconds timeout = std::chrono::seconds(5));
  /// What the user may do, as his client says or, when that leaves it to the server, as on_capabilities()
  /// says; null on failure.
  void get_capabilities(std::string const& user_id, siokit::unique_function<void(json)> then,
                        std::chrono::milliseconds timeout = std::chrono::seconds(5));
  [[nodiscard]] std::size_t get_pending_request_count() const noexcept { return pending_.size(); }

  // Who is there.

  [[nodiscard]] bool is_user_online(std::string const& user_id) const {
    return get_user_device_count(user_id) > 0;
  }
  [[nodiscard]] std::size_t get_user_device_count(std::string const& user_id) const;
  [[nodiscard]] std::vector<user_connection> get_user_connections(std::string const& user_id) const;
  [[nodiscard]] std::vector<std::string> get_online_user_ids() const;
  [[nodiscard]] std::size_t get_online_user_count() const noexcept { return online_.size(); }
  [[nodiscard]] std::size_t get_total_connections() const noexcept { return total_; }

  // What the service tells.

  /// How the server's own configuration of a user is found: it is given to `then`, now or later, null
  /// without one.
  using capabilities_source = std::function<void(std::string const& user_id, std::function<void(json)> then)>;
  void on_capabilities(capabilities_source source) { capabilities_ = std::move(source); }
  /// The user is no more: nothing is kept for him.
  void forget(std::string const& user_id);
  /// A device of the user has connected: it joins his room and gets what was kept for him.
  void connected(socket& s, std::string const& user_id);
  /// One has left; with the last one his requests end.
  void disconnected(socket& s, std::string const& user_id);
  /// Fields that are absent stay as they are.
  void describe(socket& s, std::string const& user_id, json const& client_info);
  /// `response`: a SocketResponse of this user. False when it is none; one that nobody waits for is dropped.
  bool answered(std::string const& user_id, json const& response);

 private:
  struct pending_request {
    std::string user_id;
    socket_action action{};
    response_handler then;
    siokit::server::timer timeout;
  };
  struct kept_events {
    std::deque<std::pair<std::string, json>> events;
    std::size_t dropped = 0;
  };

  void keep(std::string const& user_id, std::string_view event, json const& data);
  void deliver_kept(socket& s, std::string const& user_id);
  void settle(socket_response response);

  siokit::server& io_;
  std::size_t offline_queue_;
  std::map<std::string, std::vector<user_connection>> online_;
  std::size_t total_ = 0;
  std::map<std::string, pending_request> pending_;
  std::map<std::string, kept_events> kept_;
  std::size_t kept_count_ = 0;
  capabilities_source capabilities_;
};

}  // namespace notifier
