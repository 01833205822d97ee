// The agent at work: who is there, where events and messages go.   SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/app.hpp"
#include "apps/http_api.hpp"
#include "apps/times.hpp"
#include "embedded_engine.hpp"
#include "event_counts.hpp"
#include "rabbitmq_engine.hpp"

namespace agent {

struct options {
  std::string node = "org.wt.session1";
  std::optional<broker_address> broker;    ///< without one the engine is embedded
  std::size_t backlog = 100'000;           ///< events that are kept for the broker
  std::optional<std::vector<rule>> rules;  ///< of the embedded engine
  bool validate_token = false;
  std::string jwt_secret;
  bool check_source = false;             ///< whether participants send events of their own alone
  std::optional<apps::rate> event_rate;  ///< of a participant
};

class service final : public apps::running {
 public:
  service(siokit::server& io, options given);

 private:
  struct connection {
    siokit::socket_ref socket;
    std::string participant, session;
    bool proxy = false;
  };
  /// Why an event went nowhere.
  struct refusal {
    std::uint16_t status;  ///< of HTTP
    std::string_view code;
    std::string message;
  };

  void on_connection(siokit::socket& s);
  void on_disconnect(siokit::socket& s);
  void on_message(siokit::socket& s, siokit::args const& all);
  void post_event(siokit::net::http_request const& in, siokit::net::http_reply reply);
  void show_health(siokit::net::http_reply reply) const;

  /// Whom a token names, nullopt when it is not valid.
  [[nodiscard]] std::optional<std::string> participant_of(std::string const& token) const;
  [[nodiscard]] std::string new_session(std::string const& participant);
  [[nodiscard]] bool within_rate(std::string const& participant);
  /// Gives an event to the engine.
  std::optional<refusal> send(std::string const& participant, json const& event);
  /// Takes a message to those it is for.
  void deliver(json const& message);
  [[nodiscard]] bool is_here(json const& address) const;
  [[nodiscard]] json shown_to(connection const& one, json message) const;

  siokit::server& io_;
  options const options_;
  std::int64_t const started_ = apps::unix_ms();
  std::int64_t last_session_ = 0;
  std::map<std::string, std::vector<connection>> participants_;  // those who are there
  event_counts counts_;
  std::unique_ptr<engine> engine_;
};

}  // namespace agent
