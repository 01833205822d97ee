// What another process costs, as the kernel counts it.   SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

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

}  // namespace bench
