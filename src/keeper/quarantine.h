// Judges a data set that an upstream offers in a full resync, before anybody downstream sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::keeper {

struct QuarantineLimits {
  std::uint64_t keys_min = 1000;      // a data set that was smaller is never judged shrunken
  std::uint32_t shrink_percent = 50;  // 1..100: of its keys, how many may be missing at once
};

// The reason to hold `offered` back, if there is one. `known` is the number of keys when the
// upstream was last seen well: from its INFO, or of the newest snapshot where that is forbidden.
std::optional<std::string> judge(std::uint64_t known_keys, std::uint64_t offered_keys,
                                 const QuarantineLimits& limits);

}  // namespace sluice::keeper
