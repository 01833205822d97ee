// An engine with nothing around it.   SPDX-License-Identifier: MIT
// Without rules every event comes back to its source, as a message for all connections of that participant.
// With rules each one that an event fits makes a message.
//
// A file of rules is a JSON list of {patternId?, type, to?, data?}. An event fits a rule when its type fits
// the pattern `type`, in which `*` is any text; one that names a patternId does not fit rules that have
// another. `to` is an address {participantId, sessionId?, nodeId?} or a list of them; the participantId
// "{source.id}" is who sent the event, which is also where a rule without `to` answers. `data` is the data of
// the message.
#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "engine.hpp"

namespace agent {

struct rule {
  std::string pattern_id;  ///< empty: none
  std::string type;
  json to;
  json data;  ///< null: none
};

/// On failure one line that says what is wrong.
[[nodiscard]] tl::expected<std::vector<rule>, std::string> read_rules(std::string const& path);

class embedded_engine final : public engine {
 public:
  /// `rules`: nullopt to send everything back.
  embedded_engine(std::optional<std::vector<rule>> rules, message_handler then);

  [[nodiscard]] bool take(json const& event) override;
  [[nodiscard]] json state() const override;

 private:
  std::vector<rule> rules_;
  message_handler then_;
};

}  // namespace agent
