// The events claude:*: who may have what run, and what is told of it.
// SPDX-License-Identifier: MIT
// Events of a process go to the connection that asked for it; when that is gone, or is somebody else's by
// now, to all others of its user.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "execute_limit.hpp"
#include "processes.hpp"
#include "siokit/json/nlohmann.hpp"
#include "siokit/net/server.hpp"

namespace studio {

using nlohmann::json;
using siokit::socket;

/// What is known of a connection. Without a user it is not authenticated.
struct client {
  std::string user_id;
  std::int64_t connected_at = 0;
};

/// Where the connections of a user are. Names that begin so can't be joined by hand.
[[nodiscard]] inline std::string room_of(std::string_view user_id) {
  return "user:" + std::string(user_id);
}

/// An argument of an event as JSON; null if there is none, or none that can be read.
[[nodiscard]] inline json argument_of(siokit::args const& all, std::size_t index = 0) {
  return all.get<json>(index).value_or(json());
}

/// A number as JavaScript writes it: without a fraction, if it has none.
[[nodiscard]] json number(double value);

class claude final : process_observer {
 public:
  claude(siokit::server& io, std::vector<std::string> command, process_limits limits,
         std::optional<redis_address> const& redis);

  void stop();
  [[nodiscard]] std::size_t running() const noexcept { return processes_.running(); }
  [[nodiscard]] std::size_t queued() const noexcept { return processes_.queued(); }

 private:
  /// Who is asking, and wants to know how it goes.
  struct request {
    siokit::socket_ref from;
    siokit::ack reply;
  };

  void execute(socket& s, json const& payload, siokit::ack reply);
  void add(request asked, job wanted);
  void status(socket& s, json const& id, siokit::ack reply);
  void cancel(socket& s, json const& id, siokit::ack reply);
  /// A process of whoever asks; null when he has been told why there is none.
  [[nodiscard]] process const* own_process(request& asked, json const& id, std::string_view what_for);
  static void refuse(request& asked, std::string_view code, std::string_view why, json process_id = nullptr);

  void on_queued(process const& one, std::size_t position) override;
  void on_started(process const& one) override;
  void on_output(process const& one, std::string_view text) override;
  void on_stream_error(process const& one, std::string_view why) override;
  void on_ended(process const& one) override;
  void tell(process const& one, std::string_view event, json payload);

  siokit::server& io_;
  std::vector<std::string> command_;
  std::map<std::string, std::vector<siokit::socket_ref>> told_;  // by process: whom, until it ends
  processes processes_;
  execute_limit limit_;
};

/// What a command has said, when that is JSON with `content` or `result`; null if not.
[[nodiscard]] json parsed_response(std::string_view output);

}  // namespace studio
