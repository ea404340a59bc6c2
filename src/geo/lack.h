// What a peer's snapshot has and our region does not: whether it still comes, or is lost.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include "crdt/version_vector.h"
#include "geo/courier.h"
#include "rt/clock.h"

namespace sluice::geo {

// It comes out of the peer's stream, or by other links: what has been read waits in the courier, and of the rest one
// sees only that it becomes less.
class Lack {
 public:
  Lack(crdt::VersionVector snapshot, rt::Instant now)
      : snapshot_(std::move(snapshot)), moved_(now) {}

  // Our region has all of it.
  bool is_over(const crdt::VersionVector& known) const { return known.covers(snapshot_); }
  // To be called now and then. For how long nothing has come of what is at nobody's hand.
  rt::Duration waited(const Courier& courier, rt::Instant now);
  // What counts of it: the newest of each life.
  crdt::VersionVector lacking(const crdt::VersionVector& known) const;

  const crdt::VersionVector& snapshot() const { return snapshot_; }

 private:
  // Of regions that have begun anew since, older lives' ops may be lost or void, and nobody needs them. If somebody does,
  // a gap tells, or that our master waits for one.
  bool counts(const crdt::Dot& dot, const crdt::VersionVector& known) const;
  std::uint64_t left(const crdt::VersionVector& known) const;
  bool is_at_hand(const Courier& courier) const;

  crdt::VersionVector snapshot_;
  crdt::VersionVector awaited_;                                     // by what has come
  std::uint64_t left_ = std::numeric_limits<std::uint64_t>::max();  // ops, when looked at last
  rt::Instant moved_;
};

}  // namespace sluice::geo
