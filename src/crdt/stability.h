// Which ops every region has: in the order in which they arrived here.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "crdt/version_vector.h"

namespace sluice::crdt {

class Stability {
 public:
  void join(RegionId peer);
  void detach(RegionId peer);
  bool is_member(RegionId peer) const { return members_.at_peer(peer); }
  bool is_detached(RegionId peer) const { return detached_.at_peer(peer); }
  std::vector<RegionId> peers() const { return members_.all(); }
  std::vector<RegionId> detached() const { return detached_.all(); }

  void promise(RegionId peer, const std::vector<Dot>& changes);
  const VersionVector& promised_by(RegionId peer) const { return promised_[peer]; }
  VersionVector stable(const VersionVector& here) const;

  // An op came here, after all others so far: the number of its arrival. Ops of one actor that come one
  // after the other share one.
  std::uint64_t arrived(const Dot& op);
  std::uint64_t arrivals() const { return first_ + waiting_.size() - 1; }
  // Moves on as far as ops are stable, in the order of their arrival; the last that is. Without any peer nothing is.
  std::uint64_t advance();
  // As if the first that waits were stable. The peer who did not have it, if it was one.
  std::optional<RegionId> hindmost() const;
  void skip();

  // All that was ever stable: its metadata may be gone.
  const VersionVector& forgotten() const { return forgotten_; }
  void restore_forgotten(const VersionVector& forgotten) { forgotten_.merge(forgotten); }

 private:
  struct RegionSet {
    std::uint32_t bits = 0;
    bool at_peer(RegionId peer) const { return (bits >> peer & 1U) != 0; }
    std::vector<RegionId> all() const;
  };
  bool is_stable(const Dot& op) const;

  RegionSet members_, detached_;
  VersionVector promised_[kRegionIdMax + 1];
  VersionVector forgotten_;
  std::uint64_t first_ = 1;  // the arrival of waiting_.front()
  std::deque<Dot> waiting_;
};

}  // namespace sluice::crdt
