#include "geo/lack.h"

#include <algorithm>
#include <utility>

namespace sluice::geo {

bool Lack::is_outlived(const crdt::Dot& dot, const crdt::VersionVector& known) {
  return known.life_of(dot.actor.region) > dot.actor;
}

std::uint64_t Lack::left(const crdt::VersionVector& known) const {
  std::uint64_t ops = 0;
  for (const auto& dot : snapshot_.entries())
    if (!known.covers(dot) && !is_outlived(dot, known)) ops += dot.seq - known.at(dot.actor);
  return ops;
}

// Of each region the next op that is lacking. What waits here for an op that is lost does not stand for that one.
bool Lack::is_at_hand(const Courier& courier) const {
  const auto& known = courier.known();
  return std::ranges::all_of(snapshot_.entries(), [&](const crdt::Dot& dot) {
    return known.covers(dot) || is_outlived(dot, known) ||
           courier.holds({dot.actor, known.at(dot.actor) + 1});
  });
}

rt::Duration Lack::waited(const Courier& courier, rt::Instant now) {
  const auto before = std::exchange(left_, left(courier.known()));
  const auto& trouble = courier.trouble();
  // Our master refuses what has come. Or it is void: then the peer has to rejoin, not we.
  const bool is_refused =
      trouble && trouble->verdict != Verdict::kGap && trouble->verdict != Verdict::kWait;
  if (left_ < before || is_refused || is_at_hand(courier)) moved_ = now;
  return now - moved_;
}

}  // namespace sluice::geo
