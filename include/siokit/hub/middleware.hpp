// siokit/hub/middleware.hpp - who decides whether a client may join, now or later.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "siokit/core/unique_function.hpp"
#include "siokit/engineio/request.hpp"
#include "siokit/hub/socket_ref.hpp"
#include "siokit/socketio/encoder.hpp"

namespace siokit::inline v0::hub {

/// The answer of a middleware, to be given once, now or later. Move-only. One that is dropped without an
/// answer refuses the client, so that none waits for ever.
class next {
 public:
  next(next&&) noexcept = default;
  next& operator=(next&&) = delete;
  ~next() {
    if (socket_) drop();
  }

  /// Goes on with the next middleware, or lets the client in.
  void operator()();
  /// The client gets connect_error with this message.
  void refuse(std::string_view message) { refuse_with(message, {}); }
  /// The same with `data`: of any type that emit() takes, but nothing binary. What can't be written is left
  /// out.
  template <class T>
  void refuse(std::string_view message, T const& data) {
    refuse_with(message, socketio::encode_json(data).value_or(std::string()));
  }

 private:
  friend class server;
  void refuse_with(std::string_view message, std::string_view data_json);
  /// A destructor must run no handler: those of the client's end run at the end of the turn.
  void drop();
  next(socket_ref socket, std::uint32_t index) noexcept : socket_(std::move(socket)), index_(index) {}

  socket_ref socket_;
  std::uint32_t index_;
};

using middleware = unique_function<void(socket&, next)>;

/// The answer to an Engine.IO handshake (the options allow_request and generate_id), to be given once, now or
/// later. Move-only. One that is dropped refuses with 403.
class admission {
 public:
  admission(admission&& other) noexcept : hub_(std::move(other.hub_)), session_(other.session_) {}
  admission& operator=(admission&&) = delete;
  ~admission() {
    if (hub_.get() != nullptr) refuse();
  }

  /// Lets the client in, with a fresh id or one of the application's: the option generate_id. Such an id is
  /// a secret, which no other session may have, of 1 to 23 letters, digits, `-` and `_`; else the client is
  /// told `Bad request`, as by fail(). Official ids have 20 characters, which load balancers rely on.
  void accept(std::string_view id = {});
  /// The client is told `Bad request`: what generate_id does when it throws.
  void fail();
  /// The client gets status 403 and a JSON body with this message.
  void refuse(std::string_view message = "Forbidden");

 private:
  friend class server;
  admission(lifeline_ref<server> hub, handle session) noexcept : hub_(std::move(hub)), session_(session) {}
  void refuse_with(engineio::refusal const& why);

  lifeline_ref<server> hub_;
  handle session_;
};

using allow_request_handler = unique_function<void(engineio::request_head const&, admission)>;

}  // namespace siokit::inline v0::hub
