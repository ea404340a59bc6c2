#include "crdt/departure.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "crdt/region_state.h"
#include "crdt/take_over.h"

namespace sluice::crdt {
namespace {

bool covers_all(const VersionVector& vector, const std::vector<Dot>& dots) {
  return std::ranges::all_of(dots, [&](const Dot& dot) { return vector.covers(dot); });
}

}  // namespace

bool Departure::is_over_by(const VersionVector& seen) const {
  return covers_all(seen, leaves) &&
         std::ranges::any_of(returns, [&](const Dot& dot) { return seen.covers(dot); });
}

bool Departure::is_by_own_word(RegionId leaver) const {
  return std::ranges::all_of(leaves, [&](const Dot& dot) { return dot.actor.region == leaver; });
}

namespace {

// For how many times unstable_bytes_max one is waited for who is heard of; and how long for one who is on its way back,
// since it has a snapshot to take first.
constexpr std::uint64_t kPatientBytesFactor = 4;
constexpr std::uint64_t kReturnPatienceMs = 600'000;
constexpr std::uint64_t kCallIntervalMs = 1000;

// Of two parts of a mesh that have left each other the larger one stays; of equal ones the one with the lower regions.
bool outweighs(std::uint64_t part, std::uint64_t other) {
  const auto size = std::popcount(part);
  const auto other_size = std::popcount(other);
  if (size != other_size) return size > other_size;
  return part < other;
}

}  // namespace

std::uint64_t Region::State::staying() const {
  std::uint64_t regions = departures[self.region].has_left() ? 0 : 1ULL << self.region;
  for (const RegionId peer : stability.peers())
    if (!departures[peer].has_left()) regions |= 1ULL << peer;
  return regions;
}

// Whoever has to rejoin himself, and knows it, tells nobody else to leave.
bool Region::State::has_a_say() const {
  return !departures[self.region].has_left() && !expelled_by && merging == nullptr;
}

// No native write is behind it: with others in one batch it would shift the names that a promoted replica gives them.
void Region::State::note_member(Effect effect, std::uint64_t now_ms) {
  CHECK(std::ranges::none_of(noted.ops(), is_native_write));
  const Op op{{}, std::move(effect), false};
  note(op, now_ms);
  noted.add(op, now_ms);
}

void Region::State::move_member(const Effect& effect, const Dot& dot, const Context& context) {
  if (const auto* const leave = std::get_if<Leave>(&effect)) {
    Departure& left = departures[leave->region];
    if (std::ranges::find(left.leaves, dot) == left.leaves.end()) left.leaves.push_back(dot);
    left.returns.clear();
    for (Departure& each : departures) each.wanted = {};  // by its batches too
  } else if (const auto* const back = std::get_if<Return>(&effect)) {
    Departure& left = departures[back->region];
    // Whoever calls it back without having heard of every Leave may lack what others have of it.
    const bool knows_all =
        std::ranges::all_of(left.leaves, [&](const Dot& word) { return context.covers(word); });
    if (!left.has_left() || !knows_all) return;
    if (dot.actor.region == back->region) {  // it stays after all
      left.leaves.clear();
      left.returns.clear();
    } else {
      left.returns.push_back(dot);
      heard_ms[back->region] = clock_ms;
    }
    if (back->region != self.region) stability.join(static_cast<RegionId>(back->region));
  }
}

// All who stay will for ever have the Leave, and we have all of the leaver's ops that they have.
bool Region::State::is_agreed(RegionId leaver) const {
  const Departure& left = departures[leaver];
  const auto agrees = [&](RegionId region) {
    const VersionVector& promised = stability.promised_by(region);
    return covers_all(promised, left.leaves) &&
           std::ranges::all_of(promised.entries(), [&](const Dot& dot) {
             return dot.actor.region != leaver || vector.covers(dot);
           });
  };
  if (!agrees(self.region)) return false;
  // Who is away only to take a snapshot may come back to whom the leaver told to leave, and be the one that both count on.
  const bool is_told = !left.is_by_own_word(leaver);
  for (RegionId other = 1; is_told && other <= kRegionIdMax; ++other)
    if (departures[other].has_left() && departures[other].is_by_own_word(other)) return false;
  return std::ranges::all_of(stability.peers(), [&](RegionId peer) {
    return departures[peer].has_left() || agrees(peer);
  });
}

// All who stay say that they have heard of it: its log brings them nothing more that we do not know of.
bool Region::State::is_shut_out(RegionId leaver) const {
  const Departure& left = departures[leaver];
  if (may_be_back_unseen(leaver)) return false;
  return std::ranges::all_of(stability.peers(), [&](RegionId peer) {
    return departures[peer].has_left() || std::ranges::all_of(left.leaves, [&](const Dot& dot) {
             return seen_by[peer].covers(dot);
           });
  });
}

void Region::State::judge_departures() {
  if (departures[self.region].has_left()) return;  // others will agree, without us
  for (RegionId region = 1; region <= kRegionIdMax; ++region) {
    const Departure& left = departures[region];
    if (region == self.region || !left.has_left() || left.is_returning()) continue;
    if (!stability.is_detached(region) && is_agreed(region)) stability.detach(region);
  }
}

// Whether everybody who stays waits for `region` again, for as long as it takes to come back.
bool Region::State::is_awaited(RegionId region) const {
  const Departure& left = departures[region];
  if (!left.has_left() || departures[self.region].has_left()) return false;
  return std::ranges::any_of(left.returns, [&](const Dot& back) {
    const auto waits = [&](RegionId who) { return stability.promised_by(who).covers(back); };
    return waits(self.region) && std::ranges::all_of(stability.peers(), [&](RegionId peer) {
             return peer == region || departures[peer].has_left() || waits(peer);
           });
  });
}

// Called back in a former life of ours, perhaps with ops of that life which we lack: it has to come back once more.
bool Region::State::may_be_back_unseen(RegionId region) const {
  const Departure& left = departures[region];
  const auto is_by_us = [&](const Dot& leave) { return leave.actor == self; };
  const bool had_former_life = std::ranges::any_of(vector.entries(), [&](const Dot& dot) {
    return dot.actor.region == self.region && dot.actor < self;
  });
  return left.is_returning() && !has_recovered && had_former_life &&
         std::ranges::none_of(left.leaves, is_by_us);
}

// Whoever was told to leave says so himself, by an op. From then on he takes what everybody tells, of those too whom he had
// told to leave, and forgets nothing that they might come back to him without. He may have taken that word as an op, which
// others that stay had seen.
void Region::State::leave_as_told() {
  const Departure& ours = departures[self.region];
  const bool is_said = std::ranges::any_of(
      ours.leaves, [&](const Dot& word) { return word.actor.region == self.region; });
  if (follows || merging != nullptr || is_said || (!expelled_by && !ours.has_left())) return;
  note_leave(self.region, newest.wall_ms());
}

// If all have left, somebody has to be there whom the others can come back to: of those who say so themselves, and whom nobody
// has called back, the one with the lowest number. Whoever has their word has all that they had then, so nobody has
// forgotten what he lacks.
void Region::State::stay_after_all() {
  const auto says_so = [&](RegionId region) {
    const Departure& left = departures[region];
    return !left.is_returning() && std::ranges::any_of(left.leaves, [&](const Dot& dot) {
      return dot.actor.region == region;
    });
  };
  // What a failover takes from him he does not know: he goes on, counts for us no more, and forgets what we lack.
  const auto keeps_its_word = [&](RegionId region) {
    return std::ranges::any_of(departures[region].leaves, [&](const Dot& dot) {
      return dot.actor.region == region && stability.promised_by(region).covers(dot);
    });
  };
  const bool is_called_back = expelled_by && !vector.covers(*expelled_by);
  if (follows || merging != nullptr || is_called_back || staying() != 0 || !says_so(self.region))
    return;
  for (RegionId other = 1; other <= kRegionIdMax; ++other) {
    const bool may_yet_stay = stability.is_member(other) && !departures[other].is_returning();
    if (says_so(other) ? other < self.region || !keeps_its_word(other) : may_yet_stay) return;
  }
  expelled_by.reset();
  note_member(Return{self.region}, newest.wall_ms());
}

// Until others have come back to us, or we to them, nothing is forgotten; nor after a restart within a merge.
std::uint64_t Region::State::advance() {
  const bool must_rejoin = departures[self.region].has_left() || merging != nullptr;
  if (must_rejoin) return stability.first_waiting() - 1;
  return stability.advance();
}

// Those by whose own word he has left: whom he counts on, but who does not on him.
std::uint64_t Region::State::who_told(RegionId leaver) const {
  std::uint64_t regions = 0;
  for (const Dot& dot : departures[leaver].leaves) regions |= 1ULL << dot.actor.region;
  return regions & ~(1ULL << leaver);
}

// Whoever made this batch had told us to leave. If so did we him, the greater part stays. A Leave that was lost with a former
// life is no word: those who had it nevertheless bring it as an op.
std::optional<Dot> Region::State::expulsion(const Batch& batch) const {
  const BatchHeader& header = batch.header;
  if (header.actor.region == self.region) return std::nullopt;
  if (header.actor < vector.life_of(header.actor.region)) return std::nullopt;
  if (header.actor.incarnation < departures[header.actor.region].back) return std::nullopt;
  const auto here = vector.at(header.actor);
  for (std::size_t at = 0; at < batch.ops.size(); ++at) {
    const auto* const leave = std::get_if<Leave>(&batch.ops[at].effect);
    const auto* const back = std::get_if<Return>(&batch.ops[at].effect);
    const Dot dot{header.actor, header.first + at};
    if (dot.seq <= here) continue;
    if (back != nullptr && back->region == self.region && departures[self.region].has_left())
      return dot;
    if (leave == nullptr || leave->region != self.region) continue;
    if (departures[self.region].has_left()) continue;  // we say so ourselves
    const bool is_mutual = departures[header.actor.region].has_left();
    if (is_mutual && outweighs(staying(), leave->staying & ~who_told(header.actor.region)))
      continue;
    return dot;
  }
  return std::nullopt;
}

// Whoever tells us to leave and has left himself, by our side's word, may not know of that: his former life did, or others said it
// whose batches wait at his. So we say it once ourselves.
bool Region::State::answers_leave(const Batch& batch) {
  const RegionId maker = batch.header.actor.region;
  const Departure& left = departures[maker];
  const bool tells_us = std::ranges::any_of(batch.ops, [&](const Op& op) {
    const auto* const leave = std::get_if<Leave>(&op.effect);
    return leave != nullptr && leave->region == self.region;
  });
  const bool is_new = batch.header.first + batch.header.count - 1 > vector.at(batch.header.actor);
  const bool is_said = std::ranges::any_of(
      left.leaves, [&](const Dot& dot) { return dot.actor.region == self.region; });
  const bool is_over = batch.header.actor.incarnation < left.back;
  const bool answers = tells_us && is_new && left.has_left() && !is_said && !is_over && has_a_say();
  if (answers) note_leave(maker, clock_ms);
  return answers;
}

std::optional<Outcome> Region::State::refusal_of_departed(const BatchHeader& header,
                                                          const VersionVector& seen) const {
  const Departure& left = departures[header.actor.region];
  if (header.actor.incarnation < left.back) return Duplicate{};
  const bool is_ours_to_say = !follows && !departures[self.region].has_left();
  if (!is_ours_to_say || !left.has_left() || left.is_over_by(seen)) return std::nullopt;
  const Dot last{header.actor, header.first + header.count - 1};
  if (header.count > 0 && left.wanted.covers(last)) return std::nullopt;
  if (header.count == 0 && left.wanted.covers({header.actor, header.first})) return Duplicate{};
  return Detached{header.actor.region};
}

// A failover or a restart may lose the end of a merge of which others have heard: the life that followed it told anew
// what was written before, and what those writes were is void. Unless it takes over what the lost life told.
std::optional<Dot> Region::State::forgotten_return(const Batch& batch,
                                                   const VersionVector& seen) const {
  const Actor& maker = batch.header.actor;
  const Dot back{{maker.region, departures[maker.region].back}, 1};
  if (back.actor.incarnation == 0 || maker <= back.actor || seen.covers(back)) return std::nullopt;
  const auto taken = taken_by(batch);
  if (taken && taken->actor == back.actor) return std::nullopt;
  return back;
}

// Ops of a life that is over are taken only if somebody who stays says that he has them: others may come out of the
// log of one who has left after their maker has promised that there are none (may_promise()).
bool Region::State::is_lost_with_its_life(const BatchHeader& header) const {
  if (follows || departures[self.region].has_left() || header.count == 0) return false;
  const auto was_away = [](const Departure& each) { return each.has_left() || each.back > 0; };
  if (std::ranges::none_of(departures, was_away)) return false;
  if (vector.life_of(header.actor.region) <= header.actor) return false;
  const Dot last{header.actor, header.first + header.count - 1};
  const auto has_it = [&](RegionId peer) {
    return !departures[peer].has_left() && seen_by[peer].covers(last);
  };
  return !departures[header.actor.region].wanted.covers(last) &&
         std::ranges::none_of(stability.peers(), has_it);
}

// It left by its own word alone, which a failover has taken from it. Others may not be able to give that back, so we say it.
bool Region::State::has_lost_its_word(const Actor& maker, const VersionVector& seen) const {
  const Departure& left = departures[maker.region];
  return has_a_say() && left.has_left() && left.is_by_own_word(maker.region) &&
         std::ranges::any_of(left.leaves, [&](const Dot& word) {
           return word.actor < maker && !seen.covers(word);
         });
}

// What a refusal tells about its maker, or about somebody whom he had heard.
void Region::State::learn_from(const Outcome& refused, const BatchHeader& header,
                               const VersionVector& seen, std::uint64_t now_ms) {
  if (follows || departures[self.region].has_left()) return;
  const RegionId region = header.actor.region;
  Departure& maker = departures[region];
  if (std::holds_alternative<ContextMissing>(refused)) {
    const bool is_over = header.actor < vector.life_of(region);
    for (const Dot& dot : seen.entries())
      if (!is_over && !maker.has_left() && !vector.covers(dot))
        departures[dot.actor.region].wanted.advance(dot);
  } else if (std::holds_alternative<Behind>(refused)) {
    // Of a former life it is no more than a loss: those who need it have had it.
    const bool is_newest = std::ranges::none_of(vector.entries(), [&](const Dot& dot) {
      return dot.actor.region == region && dot.actor.incarnation > header.actor.incarnation;
    });
    if (region != self.region && is_newest && !maker.has_left() && has_a_say())
      note_leave(region, now_ms);
  } else if (std::holds_alternative<Detached>(refused) && region != self.region) {
    if (has_lost_its_word(header.actor, seen)) return note_leave(region, now_ms);
    if (stability.is_detached(region) && !maker.is_returning()) note_member(Return{region}, now_ms);
  }
}

// Peers of whom nothing was heard for so long: bit n, region n.
std::uint64_t Region::State::silent_for(std::uint64_t ms) {
  const auto now_ms = clock_ms;
  std::uint64_t regions = 0;
  for (const RegionId peer : stability.peers()) {
    auto& since = heard_ms[peer];
    if (since == 0 || since > now_ms) since = now_ms;
    const auto patience = departures[peer].is_returning() ? kReturnPatienceMs : std::uint64_t{0};
    if (now_ms - since >= std::max(ms, patience)) regions |= 1ULL << peer;
  }
  return regions;
}

// We ourselves, and who has been heard for so long without a pause: whoever comes back from a cut hears one peer first, and must
// not take the others for away.
std::uint64_t Region::State::in_touch() const {
  std::uint64_t regions = 1ULL << self.region;
  for (const RegionId peer : stability.peers()) {
    const auto since = in_touch_since_ms[peer];
    if (since != 0 && since <= clock_ms && clock_ms - since >= limits.away_min_ms)
      regions |= 1ULL << peer;
  }
  return regions;
}

// The next to be told to leave, since there is too much that it lacks. Only by a majority: what the others have forgotten
// then is with those who stay, and no two parts of a mesh that is cut in two forget what the other lacks.
std::optional<RegionId> Region::State::hindmost() {
  const auto bytes = table.bytes();
  const auto silent = silent_for(limits.away_min_ms);
  const bool is_far_over = bytes > kPatientBytesFactor * limits.unstable_bytes_max;
  auto among = is_far_over ? ~std::uint64_t{0} : silent;
  for (RegionId peer = 1; peer <= kRegionIdMax; ++peer) {
    const Departure& left = departures[peer];
    if (left.has_left() && !left.is_returning()) among &= ~(1ULL << peer);
  }
  const auto peer = stability.hindmost(among);
  if (peer && !is_majority(staying() & in_touch() & ~silent & ~(1ULL << *peer)))
    return std::nullopt;
  return peer;
}

// Of all who count for stability; of two equal halves the one with the lowest number. Not while we know that only from a
// former life, which the other half may have told to leave.
bool Region::State::is_majority(std::uint64_t part) {
  std::uint64_t all = 1ULL << self.region;
  for (const RegionId peer : stability.peers()) all |= 1ULL << peer;
  const auto twice = 2 * std::popcount(part);
  const auto count = std::popcount(all);
  return twice > count || (twice == count && (part & all & (~all + 1)) != 0 && may_promise());
}

// Who is cut off from several at once must not count the one when it tells the other to leave.
void Region::State::note_leave(RegionId region, std::uint64_t now_ms) {
  const auto gone = silent_for(limits.away_min_ms / 2) | 1ULL << region;
  note_member(Leave{region, staying() & ~gone}, now_ms);
}

// Those who stay call back whom they hear of; who has left has to say something for that, though they may have all that
// it made.
bool Region::State::calls(std::uint64_t now_ms) const {
  if (!expelled_by && !departures[self.region].has_left()) return false;
  return now_ms < announced_ms || now_ms >= announced_ms + kCallIntervalMs;
}

// A batch is taken; whether its maker is back by that. False: it has left, and nothing is learnt of it.
bool Region::State::admit(const BatchHeader& header, const VersionVector& seen) {
  const RegionId region = header.actor.region;
  if (region == self.region) return true;
  Departure& left = departures[region];
  stability.promise(region, header.promise);
  if (left.has_left()) {
    if (!left.is_over_by(seen)) return false;
    left = {.leaves = {}, .returns = {}, .wanted = {}, .back = header.actor.incarnation};
  }
  // A failover may lose the Leave: then his next life does not know of it.
  if (expelled_by && expelled_by->actor < header.actor && expelled_by->actor.region == region)
    expelled_by.reset();
  stability.join(region);
  const bool is_in_touch =
      heard_ms[region] != 0 && clock_ms - heard_ms[region] < limits.away_min_ms / 2;
  if (!is_in_touch) in_touch_since_ms[region] = clock_ms;
  heard_ms[region] = clock_ms;
  hear(header);
  return true;
}

// What a former life of its maker had seen nobody can rely on: it may be lost.
void Region::State::hear(const BatchHeader& header) {
  VersionVector& seen = seen_by[header.actor.region];
  const Actor life = seen.life_of(header.actor.region);
  if (header.actor < life) return;
  if (header.actor > life) {
    seen = {};
    for (Departure& each : departures) each.wanted = {};
  }
  for (const Dot& dot : header.context) seen.advance(dot);
  const Seq last = header.first + header.count - 1;
  if (last > 0) seen.advance({header.actor, last});
}

}  // namespace sluice::crdt
