// Names of operations: who made it, as which of his lives, as his how-manieth; and their total order.
#pragma once

#include <compare>
#include <cstdint>

#include "crdt/hlc.h"

namespace sluice::crdt {

using RegionId = std::uint8_t;  // 1 to 16
inline constexpr RegionId kRegionIdMax = 16;

// One life of a region's master. A new incarnation begins wherever numbers could be given out twice: at
// each start and promotion. Peers then know the old life's ops by its own entry of their vectors.
struct Actor {
  RegionId region = 0;
  std::uint32_t incarnation = 0;
  friend constexpr auto operator<=>(const Actor&, const Actor&) = default;
};

// Sequence numbers of one actor start at 1 and have no gaps.
using Seq = std::uint64_t;

struct Dot {
  Actor actor;
  Seq seq = 0;
  friend constexpr auto operator<=>(const Dot&, const Dot&) = default;
};

// Orders any two ops alike in every region, and every op after all that its maker had seen: the last
// writer is the greatest stamp. Ops of one batch share its HLC.
struct Stamp {
  Hlc hlc;
  Dot dot;
  friend constexpr auto operator<=>(const Stamp&, const Stamp&) = default;
};

}  // namespace sluice::crdt
