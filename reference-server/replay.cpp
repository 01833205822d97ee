// siokit-replay: tells what a recording holds, and whether it happens again.   SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "story.hpp"

namespace {

using nlohmann::json;
using siokit::engineio::replay;
using siokit::engineio::replayed;

struct choice {
  std::string file;
  std::uint64_t session = 0;  // 0: all of them
  std::size_t size_max = 120;
  bool as_json = false;
};

void print(replayed const& step, choice const& wanted) {
  auto const line = tell(step, wanted.size_max);
  auto const ns = step.entry.at.count();
  std::string text;
  if (wanted.as_json) {
    json out{{"session", step.session}, {"ns", ns},          {"kind", line.kind},
             {"who", line.who},         {"what", line.what}, {"byte", step.offset},
             {"same", !step.differs}};
    if (step.event && step.event->type == siokit::engineio::session_event::kind::closed) {
      out["reason"] = to_string(step.event->reason);
      out["cause"] = name_of(step.event->detail.code);
    }
    text = out.dump(-1, ' ', false, json::error_handler_t::replace);
  } else {
    char head[80];
    std::snprintf(head, sizeof head, "%4llu %+12.6f  %-16s  ", static_cast<unsigned long long>(step.session),
                  static_cast<double>(ns) / 1e9, std::string(line.who).c_str());
    text = head + line.what + (step.differs ? "   DIFFERS" : "");
  }
  std::puts(text.c_str());
}

/// Returns the exit code.
int run(choice const& wanted) {
  std::ifstream in(wanted.file, std::ios::binary);
  std::string const bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    std::cerr << "siokit-replay: " << wanted.file << " can't be read\n";
    return 2;
  }
  auto all = replay::open(bytes);
  if (!all) {
    std::cerr << "siokit-replay: " << wanted.file << " is no recording of this version\n";
    return 2;
  }
  std::string verdict;
  std::uint64_t entries = 0;
  for (;; ++entries) {
    auto const step = all->next();
    if (!step) {
      verdict = "the entry at byte " + std::to_string(step.error().offset) + " can't be read";
      break;
    }
    if (!*step) break;
    bool const chosen = wanted.session == 0 || (*step)->session == wanted.session;
    if (chosen) print(**step, wanted);
    if (chosen && (*step)->differs && verdict.empty()) {
      verdict = "session " + std::to_string((*step)->session) + ", entry at byte " +
                std::to_string((*step)->offset) + ": not what it was";
    }
  }
  if (wanted.session > all->sessions()) {
    std::cerr << "siokit-replay: there are " << all->sessions() << " sessions\n";
    return 2;
  }
  std::string const good =
      all->file().cut() ? "the recording ends early; until then all happened again" : "all happened again";
  bool const same = verdict.empty();
  if (wanted.as_json) {
    json const out{{"sessions", all->sessions()},
                   {"entries", entries},
                   {"same", same},
                   {"ends_early", all->file().cut()},
                   {"mask", to_string(all->file().mask())},
                   {"verdict", same ? good : verdict}};
    std::puts(out.dump().c_str());
  } else {
    std::printf("sessions %llu, entries %llu, mask %s: %s\n",
                static_cast<unsigned long long>(all->sessions()), static_cast<unsigned long long>(entries),
                std::string(to_string(all->file().mask())).c_str(), (same ? good : verdict).c_str());
  }
  return same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  choice wanted;
  CLI::App app("Tells what a recording of siokit-server --record holds, and whether it happens again.",
               "siokit-replay");
  app.add_option("file", wanted.file, "The recording")->required()->type_name("FILE");
  app.add_option("--session", wanted.session, "This one alone; sessions are numbered from 1")
      ->check(CLI::Range(std::uint64_t{1}, UINT64_MAX));
  app.add_option("--size-max", wanted.size_max, "How much of the data of a packet is shown, in bytes")
      ->capture_default_str();
  app.add_flag("--json", wanted.as_json, "One JSON object a line");
  app.footer("Exit codes: 0 all happened again, 1 something did not, 2 usage, or no recording.");
  try {
    app.parse(argc, argv);
  } catch (CLI::CallForHelp const&) {
    std::cout << app.help();
    return 0;
  } catch (CLI::ParseError const& error) {
    std::cerr << "siokit-replay: " << error.what() << '\n';
    return 2;
  }
  return run(wanted);
} catch (std::exception const& error) {
  std::cerr << "siokit-replay: " << error.what() << '\n';
  return 2;
}
