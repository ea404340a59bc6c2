// How regions that all take writes stand, on a line.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lab/mesh.h"

namespace sluice::lab {

// Writes a second are told from one look to the next.
class MeshRates {
 public:
  std::string line(const std::vector<RegionFigures>& regions, std::chrono::seconds elapsed,
                   std::chrono::nanoseconds now);

 private:
  std::map<std::string, std::uint64_t> ops_;
  std::chrono::nanoseconds looked_{0};
};

}  // namespace sluice::lab
