// What another process costs, as the kernel counts it.   SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace bench {

/// CPU time of all threads that a process has now, in microseconds, as the scheduler counts it.
[[nodiscard]] inline double cpu_microseconds(std::string const& pid) {
  double sum = 0;
  for (auto const& task : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
    double run = 0;
    if (std::ifstream(task.path() / "schedstat") >> run) sum += run / 1000;
  }
  return sum;
}

[[nodiscard]] inline long resident_kib(std::string const& pid) {
  std::ifstream file("/proc/" + pid + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

/// Descriptors that a process can still open; none when it is gone.
[[nodiscard]] inline long descriptors_left(std::string const& pid) {
  std::error_code gone;
  std::filesystem::directory_iterator const open("/proc/" + pid + "/fd", gone);
  if (gone) return 0;
  long const used = std::distance(begin(open), end(open));
  std::ifstream file("/proc/" + pid + "/limits");
  constexpr std::string_view name = "Max open files";
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::stol(line.substr(name.size())) - used;
  }
  return 0;
}

}  // namespace bench
