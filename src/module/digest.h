// Digests of what a server holds, slot by slot: equal data has equal digests, in whatever order it came.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "module/observer.h"

namespace sluice::module {

inline constexpr std::uint16_t kSlotCount = 16384;

// The slot of Redis Cluster: CRC16 of the key, or of what stands in its first {}.
std::uint16_t slot_of(std::string_view key);

using Digest = std::array<std::uint64_t, 2>;

// Sums over the keys of each slot that holds any; of `slots` only, unless that is empty. Keys that are
// past their deadline at `now_ms` count as gone. Consumer groups do not count: they are each region's own.
std::map<std::uint16_t, Digest> slot_digests(ObservedKeyspace& keyspace,
                                             const std::set<std::uint16_t>& slots,
                                             std::uint64_t now_ms);

std::string hex(const Digest& digest);

}  // namespace sluice::module
