// The Admin UI of siokit-server: who may look, and how it is served.   SPDX-License-Identifier: MIT
#pragma once

#include <asio/thread_pool.hpp>
#include <optional>
#include <string>

#include "settings.hpp"
#include "siokit/net/admin_ui.hpp"

/// Serves the Admin UI when the options ask for it. With a password it is compared by bcrypt, which takes a
/// tenth of a second, on a thread of its own. Destroyed before the server.
class admin {
 public:
  /// Throws std::runtime_error with one line when no password can be checked here.
  admin(siokit::server& io, settings const& s);

 private:
  void check(std::string_view username, std::string_view password, siokit::admin_answer answer);

  std::string user_;
  std::string hash_;
  std::optional<asio::thread_pool> checks_;  // a program without further threads makes cheaper system calls
};

/// One line for what is wrong with these options; nullopt if nothing is.
std::optional<std::string> problem_of_admin(settings const& s);
