// Without libFuzzer: siokit-fuzz TARGET SECONDS CORPUS replays the corpus, then feeds what comes of changing
// it by chance. The input that breaks something is left in ./crash-TARGET.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <vector>

#include "fuzz/target.hpp"
#include "siokit/sim/random.hpp"

namespace {

/// An input a line; bytes that are no plain text stand as \xHH.
std::vector<std::string> read_corpus(char const* file) {
  std::vector<std::string> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::string input;
    for (std::size_t at = 0; at < line.size(); ++at) {
      bool const escaped = line[at] == '\\';
      input += escaped ? static_cast<char>(std::stoi(line.substr(at + 2, 2), nullptr, 16)) : line[at];
      if (escaped) at += 3;
    }
    out.push_back(std::move(input));
  }
  return out;
}

/// One input made of one or two others.
std::string change(std::vector<std::string> const& from, siokit::sim::random& chance) {
  std::string out = from[chance.below(from.size())];
  for (std::uint64_t changes = 1 + chance.below(6); changes > 0; --changes) {
    std::size_t const at = out.empty() ? 0 : chance.below(out.size());
    switch (chance.below(6)) {
      case 0: out.insert(at, 1, static_cast<char>(chance.next())); break;
      case 1: out.erase(at, 1 + chance.below(8)); break;
      case 2:
        if (!out.empty()) out[at] = static_cast<char>(chance.next());
        break;
      case 3:
        if (!out.empty()) out[at] = static_cast<char>(out[at] ^ (1 << chance.below(8)));
        break;
      case 4: out.insert(at, out.substr(at, 1 + chance.below(16))); break;
      default: {
        std::string const& other = from[chance.below(from.size())];
        out = out.substr(0, at) + other.substr(other.empty() ? 0 : chance.below(other.size()));
      }
    }
  }
  out.resize(std::min<std::size_t>(out.size(), 4096));
  return out;
}

std::string current;  // the input that is being run
std::string crash_file;

void keep_current() {
  std::ofstream(crash_file, std::ios::binary) << current;
  std::fprintf(stderr, "the input is in %s\n", crash_file.c_str());
}

}  // namespace

extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

int main(int count, char** words) {
  fuzz::target const* const what = count == 4 ? fuzz::find(words[1]) : nullptr;
  if (what == nullptr) {
    std::fputs("expected a target, how many seconds, and the file of its corpus\n", stderr);
    return 2;
  }
  crash_file = "crash-" + std::string(what->name);
  std::signal(SIGABRT, [](int) { keep_current(); });
  std::signal(SIGALRM, [](int) { fuzz::require(false, "an input takes less than ten seconds"); });
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep_current);
  auto const run = [&](std::string input) {
    current = std::move(input);
    ::alarm(10);
    what->run(current);
  };
  auto corpus = read_corpus(words[3]);
  corpus.emplace_back();
  for (auto const& input : corpus) run(input);
  auto const now = [] { return std::chrono::steady_clock::now(); };
  siokit::sim::random chance(static_cast<std::uint64_t>(now().time_since_epoch().count()));
  std::uint64_t runs = 0;
  for (auto const end = now() + std::chrono::seconds(std::atoi(words[2])); now() < end; ++runs)
    run(change(corpus, chance));
  std::printf("%s: %zu inputs of the corpus, %llu others\n", words[1], corpus.size(),
              static_cast<unsigned long long>(runs));
  return 0;
}
