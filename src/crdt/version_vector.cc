#include "crdt/version_vector.h"

#include <algorithm>

namespace sluice::crdt {

Seq VersionVector::at(Actor actor) const {
  for (const Dot& newest : entries_)
    if (newest.actor == actor) return newest.seq;
  return 0;
}

bool VersionVector::covers(const VersionVector& other) const {
  return std::ranges::all_of(other.entries_, [&](const Dot& newest) { return covers(newest); });
}

Actor VersionVector::life_of(RegionId region) const {
  Actor latest{region, 0};
  for (const Dot& dot : entries_)
    if (dot.actor.region == region) latest = dot.actor;
  return latest;
}

void VersionVector::advance(Dot newest) {
  if (newest.seq == 0) return;
  const auto place = std::ranges::lower_bound(entries_, newest.actor, {}, &Dot::actor);
  if (place == entries_.end() || place->actor != newest.actor) {
    entries_.insert(place, newest);
  } else {
    place->seq = std::max(place->seq, newest.seq);
  }
}

void VersionVector::merge(const VersionVector& other) {
  for (const Dot& newest : other.entries_) advance(newest);
}

VersionVector VersionVector::meet(const VersionVector& a, const VersionVector& b) {
  VersionVector both;
  for (const Dot& newest : a.entries_)
    both.advance({newest.actor, std::min(newest.seq, b.at(newest.actor))});
  return both;
}

std::vector<Dot> VersionVector::changes(const VersionVector& older, const VersionVector& newer) {
  std::vector<Dot> changed;
  for (const Dot& newest : newer.entries_)
    if (!older.covers(newest)) changed.push_back(newest);
  return changed;
}

}  // namespace sluice::crdt
