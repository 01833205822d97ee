// siokit/hub/server_group.hpp - a cluster of servers on one thread.   SPDX-License-Identifier: MIT
// In: what one member publishes. Out: the same in the inboxes of the others, until their hosts drain them, so
// that no handler runs inside another server's.
#pragma once

#include <algorithm>
#include <utility>

#include "siokit/hub/cluster_bus.hpp"

namespace siokit::inline v0::hub {

/// Give it to several servers as the option `cluster`; outlives them.
class server_group final : public cluster_bus {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }

  [[nodiscard]] cluster_node join(server& self) override {
    members_.emplace_back(++last_, &self);
    return last_;
  }
  void leave(cluster_node self) noexcept override;
  [[nodiscard]] std::vector<cluster_node> others(cluster_node self) const override {
    std::vector<cluster_node> all;
    for (auto const& [node, member] : members_) {
      if (node != self) all.push_back(node);
    }
    return all;
  }
  void publish(cluster_node self, cluster_message const& what) override;
  bool send(cluster_node self, cluster_node to, cluster_message what) override;

 private:
  std::vector<std::pair<cluster_node, server*>> members_;
  cluster_node last_ = 0;
};

}  // namespace siokit::inline v0::hub
