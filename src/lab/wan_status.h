// What an emulated WAN is doing, and the lines of JSON by which it is asked and told.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/wan_options.h"
#include "wan/link.h"

namespace sluice::lab {

struct WanSideStatus {
  std::string name;
  std::string address;
  std::string netns;         // a path to enter it by
  std::uint64_t missed = 0;  // packets that the emulator was too slow to take: the run is void
};

struct WanDirectionStatus {
  std::string from;
  std::string to;
  wan::Conditions conditions;
  std::chrono::nanoseconds cut{0};  // how much longer
  wan::Counters counters;
};

struct WanStatus {
  std::string name;
  std::uint64_t seed = 0;
  std::vector<WanSideStatus> sides;
  std::vector<WanDirectionStatus> directions;
};

// A request is one line of JSON, and so is its answer: the state after it, or what was wrong.
inline constexpr std::size_t kWanLineBytesMax = 64 << 10;

std::string to_line(const WanChange& change);
Result<WanChange> parse_change(std::string_view line);

std::string to_line(const Result<WanStatus>& status);
Result<WanStatus> parse_status(std::string_view line);

std::string to_text(const WanStatus& status);  // for people

}  // namespace sluice::lab
