// What somebody has seen: of every actor, the first so-many ops.
#pragma once

#include <span>
#include <vector>

#include "crdt/dot.h"

namespace sluice::crdt {

class VersionVector {
 public:
  // The newest op of `actor` that is covered; 0 for none.
  Seq at(Actor actor) const;
  bool covers(Dot dot) const { return dot.seq <= at(dot.actor); }
  bool covers(const VersionVector& other) const;
  // The latest incarnation of `region` of which anything is covered; 0 for none.
  Actor life_of(RegionId region) const;

  // Never goes backwards: a lower `newest.seq` than the present one changes nothing.
  void advance(Dot newest);
  // The next op of `actor`, which is covered from now on.
  Dot next(Actor actor) {
    for (Dot& newest : entries_) {
      if (newest.actor != actor) continue;
      ++newest.seq;
      return newest;
    }
    advance({actor, 1});
    return {actor, 1};
  }
  void merge(const VersionVector& other);
  // What both cover.
  static VersionVector meet(const VersionVector& a, const VersionVector& b);
  // The entries of `newer` that exceed `older`: merging them into `older` gives `newer`.
  static std::vector<Dot> changes(const VersionVector& older, const VersionVector& newer);

  // Sorted by actor, each once, no zero.
  std::span<const Dot> entries() const { return entries_; }
  friend bool operator==(const VersionVector&, const VersionVector&) = default;

 private:
  std::vector<Dot> entries_;
};

}  // namespace sluice::crdt
