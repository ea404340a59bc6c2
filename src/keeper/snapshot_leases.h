// Snapshots that are kept for a while because somebody has got a part of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "rt/clock.h"

namespace sluice::keeper {

class SnapshotLeases {
 public:
  static constexpr std::size_t kLeasesMax = 16;  // beyond, the one that ends first goes

  void hold(const std::string& file_name, rt::Instant until) {
    const auto found =
        std::ranges::find_if(leases_, [&](const Lease& each) { return each.name == file_name; });
    if (found != leases_.end()) {
      found->until = std::max(found->until, until);
      return;
    }
    leases_.push_back({file_name, until});
    if (leases_.size() <= kLeasesMax) return;
    leases_.erase(std::ranges::min_element(
        leases_, [](const auto& a, const auto& b) { return a.until < b.until; }));
  }

  std::vector<std::string> held(rt::Instant now) {
    std::erase_if(leases_, [now](const Lease& each) { return each.until <= now; });
    std::vector<std::string> names;
    names.reserve(leases_.size());
    for (const auto& each : leases_) names.push_back(each.name);
    return names;
  }

 private:
  struct Lease {
    std::string name;
    rt::Instant until;
  };
  std::vector<Lease> leases_;
};

}  // namespace sluice::keeper
