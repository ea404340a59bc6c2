#include "geo/lack.h"

#include <algorithm>
#include <utility>

namespace sluice::geo {

bool Lack::counts(const crdt::Dot& dot, const crdt::VersionVector& known) const {
  const bool is_outlived = known.life_of(dot.actor.region) > dot.actor;
  return !is_outlived || awaited_.at(dot.actor) > 0;
}

crdt::VersionVector Lack::lacking(const crdt::VersionVector& known) const {
  crdt::VersionVector dots;
  for (const auto& dot : snapshot_.entries())
    if (!known.covers(dot) && counts(dot, known)) dots.advance(dot);
  return dots;
}

std::uint64_t Lack::left(const crdt::VersionVector& known) const {
  std::uint64_t ops = 0;
  const auto dots = lacking(known);
  for (const auto& dot : dots.entries()) ops += dot.seq - known.at(dot.actor);
  return ops;
}

// Of each region the next op that is lacking. What waits here for an op that is lost does not stand for that one.
bool Lack::is_at_hand(const Courier& courier) const {
  const auto& known = courier.known();
  const auto dots = lacking(known);
  return std::ranges::all_of(dots.entries(), [&](const crdt::Dot& dot) {
    return courier.holds({dot.actor, known.at(dot.actor) + 1});
  });
}

rt::Duration Lack::waited(const Courier& courier, rt::Instant now) {
  const auto& trouble = courier.trouble();
  if (trouble && trouble->verdict == Verdict::kWait) awaited_.advance(trouble->dot);
  const auto before = std::exchange(left_, left(courier.known()));
  // Our master refuses what has come. Or it is void: then the peer has to rejoin, not we.
  const bool is_refused =
      trouble && trouble->verdict != Verdict::kGap && trouble->verdict != Verdict::kWait;
  if (left_ < before || is_refused || is_at_hand(courier)) moved_ = now;
  return now - moved_;
}

}  // namespace sluice::geo
