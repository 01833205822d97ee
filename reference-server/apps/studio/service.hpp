// The studio at work: namespaces, who is who, rooms, media, what is pushed.
// SPDX-License-Identifier: MIT
#pragma once

#include "apps/app.hpp"
#include "apps/http_api.hpp"
#include "apps/times.hpp"
#include "claude.hpp"

namespace studio {

struct options {
  std::string jwt_secret;            ///< empty: no token is good
  std::string push_token;            ///< empty: nothing is pushed
  std::vector<std::string> command;  ///< empty: nothing can be run
  std::optional<redis_address> redis;
  process_limits limits;
  std::size_t rooms_max = 0;  ///< of a connection, those of its user among them
};

class service final : public apps::running {
 public:
  service(siokit::server& io, options given);
  void stop() override { claude_.stop(); }

 private:
  void install(siokit::nsp& space);
  void install_media(siokit::nsp& media);
  void on_connection(socket& s);
  /// Makes the user of this token the one of the connection, and says so. Empty if that was done, else why
  /// not.
  std::string authenticate(socket& s, json const& token);
  void log_out(socket& s);
  void push(json const& body, siokit::net::http_reply reply);
  void show_health(siokit::net::http_reply reply) const;

  siokit::server& io_;
  options options_;
  std::int64_t started_ = apps::unix_ms();
  claude claude_;
};

}  // namespace studio
