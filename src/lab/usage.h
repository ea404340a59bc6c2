// What a process has used, as the kernel counts it in /proc.
#pragma once

#include <cstdint>
#include <string_view>

#include "rt/host.h"

namespace sluice::lab {

struct Usage {
  double cpu_seconds = 0;  // user and system, of all its threads
  std::uint64_t resident_bytes = 0;
  std::uint64_t resident_bytes_max = 0;
  std::uint64_t threads = 0;
};

// The contents of /proc/PID/stat and /proc/PID/status. kRejected if they are not that.
Result<Usage> parse_usage(std::string_view stat, std::string_view status);

// kNotFound if there is no such process. Blocks, but never for long.
Result<Usage> usage_of(rt::Host& host, int pid);

}  // namespace sluice::lab
