// siokit/hub/cluster_bus.hpp - between the servers of a cluster.   SPDX-License-Identifier: MIT
// Spec: the messages of the official cluster adapters. A bus carries them, whatever it is made of: servers on
// one thread (server_group.hpp), shards on several (net/shards.hpp), or a broker, for which somebody else
// writes the bus. Values without references: a message may go to another thread.
#pragma once

#include <string>
#include <vector>

#include "siokit/core/error.hpp"
#include "siokit/core/time.hpp"

namespace siokit::inline v0::hub {

class server;

/// A server of a cluster, as its bus numbers them.
using cluster_node = std::uint32_t;

/// One message of a server to others. Which members count is said at each kind.
struct cluster_message {
  enum class kind : std::uint8_t {
    broadcast,  ///< an event, in `packet`, for the sockets of `to`; asked with a `request`, and `within`
    broadcast_client_count,     ///< first answer to an asked broadcast: `count` answers will follow
    broadcast_ack,              ///< one of them: `packet`, or `failure`
    sockets_join,               ///< the sockets of `to` join the rooms `names`
    sockets_leave,              ///< the same, leave
    disconnect_sockets,         ///< those of `to`; `close`: with their connections
    fetch_sockets,              ///< who is `to`?
    fetch_sockets_response,     ///< the answer: `sockets`
    server_side_emit,           ///< an event, in `packet`, for on_server_side()
    server_side_emit_response,  ///< one answer to it: `packet`
    adapter_close               ///< the sender is gone: from the bus, when it notices
  };
  /// Whom a broadcast reaches, in the namespace.
  struct recipients {
    std::vector<std::string> rooms{};  ///< none: everybody
    std::vector<std::string> except{};
    bool volatile_flag = false;  ///< but for those who are not ready
  };
  struct found_socket {
    std::string id{};
    std::vector<std::string> rooms{};
  };

  kind type = kind::adapter_close;
  std::uint64_t request = 0;  ///< a number of who asks, told in the answers; 0: none is wanted
  std::string nsp{};          ///< that of a parent without its slash: no client can ask for such a one
  recipients to{};
  std::string packet{};  ///< a message's frames(), with text and attachments
  bool compress = true;  ///< that packet
  bool close = false;
  errc failure = errc::ok;
  std::uint32_t count = 0;
  duration within{};
  std::vector<std::string> names{};
  std::vector<found_socket> sockets{};
};

/// Carries messages between servers: in order from one to the other, and each once. Give it to each of them
/// as the option `cluster`; it outlives them. Calls come from the thread of the server that is named.
class cluster_bus {
 public:
  cluster_bus() = default;
  cluster_bus(cluster_bus const&) = delete;
  cluster_bus& operator=(cluster_bus const&) = delete;
  virtual ~cluster_bus() = default;

  /// A server is made; it is told what comes for it by server::receive(), from now on, on its own thread.
  /// That may be inside publish() of another: it does nothing until its host drains. Returns its number.
  [[nodiscard]] virtual cluster_node join(server& self) = 0;
  /// It is gone.
  virtual void leave(cluster_node self) noexcept = 0;
  /// Who may answer to `self`: all others.
  [[nodiscard]] virtual std::vector<cluster_node> others(cluster_node self) const = 0;
  /// To all others.
  virtual void publish(cluster_node self, cluster_message const& what) = 0;
  /// To one of them. False when it is gone.
  virtual bool send(cluster_node self, cluster_node to, cluster_message what) = 0;
};

}  // namespace siokit::inline v0::hub
