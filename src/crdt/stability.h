// Which ops every region has: in the order in which they arrived here.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/check.h"
#include "crdt/version_vector.h"

namespace sluice::crdt {

class Stability {
 public:
  // Of the region `self`: what it has not promised itself, lest a former life of it made ops that did not see it, is
  // not stable either.
  explicit Stability(RegionId self) : self_(self) {}

  void join(RegionId peer);
  void detach(RegionId peer);
  bool is_member(RegionId peer) const { return members_.at_peer(peer); }
  bool is_detached(RegionId peer) const { return detached_.at_peer(peer); }
  std::vector<RegionId> peers() const { return members_.all(); }
  std::vector<RegionId> detached() const { return detached_.all(); }

  void promise(RegionId peer, const std::vector<Dot>& changes);
  const VersionVector& promised_by(RegionId peer) const { return promised_[peer]; }
  VersionVector stable(const VersionVector& here) const;

  // Ops up to `newest` of its actor came here, after all others so far: the number of their arrival.
  std::uint64_t arrived(const Dot& newest);
  // What has arrived last goes on up to `newest`.
  void extend(const Dot& newest) {
    Dot& last = waiting_.back();
    CHECK(last.actor == newest.actor);
    last.seq = newest.seq;
  }
  std::uint64_t arrivals() const { return first_ + waiting_.size() - 1; }
  // Moves on as far as ops are stable, in the order of their arrival; the last that is. Before there was any peer
  // nothing is.
  std::uint64_t advance();
  // Ops of `newest.actor` after `newest` have never been.
  void take_back(const Dot& newest);
  // The peer who lacks the first that waits, if it is one of `among` (bit n: region n).
  std::optional<RegionId> hindmost(std::uint64_t among) const;
  // As if the first that waits were stable.
  void skip();

  // All that was ever stable: its metadata may be gone.
  const VersionVector& forgotten() const { return forgotten_; }
  void restore_forgotten(const VersionVector& forgotten) { forgotten_.merge(forgotten); }
  const std::deque<Dot>& waiting() const { return waiting_; }
  std::uint64_t first_waiting() const { return first_; }

 private:
  struct RegionSet {
    std::uint32_t bits = 0;
    bool at_peer(RegionId peer) const { return (bits >> peer & 1U) != 0; }
    std::vector<RegionId> all() const;
  };
  bool is_stable(const Dot& op) const;
  bool is_alone_yet() const { return members_.bits == 0 && detached_.bits == 0; }

  RegionId self_;
  RegionSet members_, detached_;
  VersionVector promised_[kRegionIdMax + 1];
  VersionVector forgotten_;
  std::uint64_t first_ = 1;  // the arrival of waiting_.front()
  std::deque<Dot> waiting_;
};

}  // namespace sluice::crdt
