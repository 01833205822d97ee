// Options that come from elsewhere than the command line.   SPDX-License-Identifier: MIT
//
//   the environment   what development, production and docker mean: the table in docs/apps.md
//   the file          JSON: host, port, cors_allowed_origins (a string or a list), log_level,
//                     max_history_size, environment; other members are the product's own.
//                     Default: ~/.claude-mpm/socketio_config.json
//   variables         CLAUDE_MPM_SOCKETIO_HOST, _PORT (SOCKETIO_PORT is weaker), _LOG_LEVEL, _TOKEN,
//                     _ENVIRONMENT; CLAUDE_MPM_HOOK_DEBUG=true is log level debug
#pragma once

#include <optional>
#include <string>

#include "settings.hpp"

/// Reads file and variables into `s`. Returns one line for what is wrong with them; nullopt if nothing is.
[[nodiscard]] std::optional<std::string> read_configuration(settings& s);
