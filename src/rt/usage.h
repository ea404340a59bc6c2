// What this process uses of the machine, for INFO and metrics.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::rt {

struct Usage {
  std::uint64_t memory_rss_bytes = 0;
  std::uint64_t memory_total_bytes = 0;  // of the machine
  double cpu_user_seconds = 0;
  double cpu_system_seconds = 0;
  std::uint64_t threads = 0;
};

// Reads /proc; about 20 microseconds.
Usage usage();

unsigned cpu_count();  // at least 1
std::uint64_t process_id();
std::string executable_path();
std::string system_name();  // "Linux 6.1.0 x86_64", as INFO's `os`

}  // namespace sluice::rt
