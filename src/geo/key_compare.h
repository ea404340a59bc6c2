// Finds the keys in which regions differ, by reading them.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "geo/mesh.h"

namespace sluice::geo {

struct DifferentKey {
  std::uint32_t db = 0;
  std::string name;
  std::string why;  // what which region has
};

// The slot of Redis Cluster: CRC16 of the key, or of what stands in its first {}.
std::uint16_t slot_of(std::string_view key);

// In the slots named, at most `keys_max` keys. Reads whole values: for a few slots.
rt::Task<Result<std::vector<DifferentKey>>> different_keys(std::vector<Member>& members,
                                                           const std::set<std::uint16_t>& slots,
                                                           std::size_t keys_max);

}  // namespace sluice::geo
