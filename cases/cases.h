// The cases that `sluice case NAME` plays: each sets up real servers, breaks them and checks.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::cases {

struct Options {
  bool is_quick = false;   // small data, under a minute
  std::uint64_t keys = 0;  // 0: as the case sees fit
};

struct Case {
  std::string_view name;
  std::string_view summary;
  int (*run)(const Options& options);  // 0 if every expectation held
};

int run_resync_storm(const Options& options);
int run_cross_region(const Options& options);
int run_active_active(const Options& options);

// A new case: declare its run_<case> here, define it in <case>.cc, add its line.
inline constexpr std::array<Case, 3> kCases{{
    {"resync-storm", "replicas that storm a master, a master that comes back empty",
     run_resync_storm},
    {"cross-region", "a replica beyond an ocean: 200 ms away, 1 % loss, cuts, dead processes",
     run_cross_region},
    {"active-active",
     "regions that all take writes: cut off, dead, taken over; a plain Redis moves in",
     run_active_active},
}};

}  // namespace sluice::cases
