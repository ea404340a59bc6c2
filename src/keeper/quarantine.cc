#include "keeper/quarantine.h"

namespace sluice::keeper {

std::optional<std::string> judge(std::uint64_t known_keys, std::uint64_t offered_keys,
                                 const QuarantineLimits& limits) {
  if (known_keys < limits.keys_min || offered_keys >= known_keys) return std::nullopt;
  const auto counts =
      std::to_string(offered_keys) + " keys where there were " + std::to_string(known_keys);
  if (offered_keys == 0) return "upstream came back empty: " + counts;
  const auto missing = static_cast<double>(known_keys - offered_keys);
  const auto tolerated = static_cast<double>(known_keys) * limits.shrink_percent / 100.0;
  if (missing < tolerated) return std::nullopt;
  return "upstream shrank: " + counts;
}

}  // namespace sluice::keeper
