#include "crdt/region_state.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "crdt/rejoin.h"
#include "crdt/take_over.h"

namespace sluice::crdt {
namespace {

template <typename IsGone>
void take_back(KeyEntry& entry, IsGone is_gone) {
  KeyState& state = entry.open();
  for (Body& body : state.bodies)
    body.elements.erase_if([&](ElementEntry& element) { return element.take_back(is_gone); });
  state.drop_empty_bodies();
  if (state.list != nullptr)
    state.list->take_back([&](const Dot& dot) { return is_gone({{}, dot}); });
  std::erase_if(state.deadlines, [&](const LiveDeadline& d) { return is_gone(d.stamp); });
  entry.close();
}

}  // namespace

KeyName place_of(const Op& op) {
  const auto* const library = std::get_if<WriteLibrary>(&op.effect);
  return library == nullptr ? op.key : KeyName{kEveryDb, library->name};
}

bool is_of_no_key(const Effect& effect) {
  return std::holds_alternative<Begin>(effect) || std::holds_alternative<TakeOver>(effect) ||
         std::holds_alternative<Leave>(effect) || std::holds_alternative<Return>(effect);
}

bool is_flushed_by(const Flush& flush, const KeyView& key) {
  return key.db != kEveryDb && (flush.db == kEveryDb || flush.db == key.db);
}

Region::State::State(RegionId region, RegionLimits given)
    : limits(given), self{region, 0}, stability(region), noted(given.batch_ops_max) {}

Region::State::~State() = default;

void Region::State::begin_incarnation(std::uint32_t incarnation) {
  take_back_unflushed();
  auto left = noted.ops();
  const auto left_ms = noted.newest_ms();
  noted.clear();
  const bool is_heir = follows && self.incarnation != 0;
  const auto former = std::exchange(self.incarnation, incarnation);
  const auto former_flushed = flushed;
  follows = false;
  has_recovered = false;
  flushed = 0;
  holds_back = false;
  arrival = 0;
  told_context = told_promise = announced_context = announced_promise = {};
  announced_ms = 0;
  const auto note_anew = [&](const Op& op, std::uint64_t now_ms) {
    note(op, now_ms);
    noted.add(op, now_ms);
  };
  taken_after.clear();
  see(kOldHlc);  // a life is younger than what was here before
  const auto known = std::min<std::size_t>(std::exchange(described, 0), left.size());
  left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(known));
  // That life's first batch, with its Begin, may be with others; of a life that took over it is no op of ours to tell again.
  const bool may_have_begun =
      former_flushed == 0 &&
      (left.empty() || !std::holds_alternative<TakeOver>(left.front().effect));
  if (is_heir && may_have_begun) left.insert(left.begin(), {{}, Begin{}});
  if (is_heir && !left.empty()) return take_over(left, {{self.region, former}, former_flushed});
  base = {newest.bits + 1};
  note_anew({{}, Begin{}}, 0);
  for (const Op& op : left) note_anew(op, left_ms);
}

// A follower notes native writes alone. Of a life of which it has no batch yet it knows that there will be a Begin.
void Region::State::forget_begin() {
  auto ops = noted.ops();
  if (ops.empty() || !std::holds_alternative<Begin>(ops.front().effect)) return;
  const auto now_ms = noted.newest_ms();
  noted.clear();
  for (const Op& op : ops)
    if (is_native_write(op)) noted.add(op, now_ms);
}

// Ops that nobody else will ever get are not ops: what they wrote will be noted
// anew, by another actor. What they killed here others still have, and the new
// ops will kill it there, since they observe it.
void Region::State::take_back_unflushed() {
  if (vector.at(self) <= flushed) return;
  VersionVector kept;
  for (const Dot& dot : vector.entries())
    kept.advance(dot.actor == self ? Dot{self, flushed} : dot);
  vector = kept;
  stability.take_back({self, flushed});
  for (Departure& left : departures) {
    const auto never_was = [&](const Dot& dot) { return dot.actor == self && dot.seq > flushed; };
    std::erase_if(left.leaves, never_was);
    std::erase_if(left.returns, never_was);
  }
  const auto is_unflushed = [&](const Stamp& stamp) {
    return stamp.dot.actor == self && stamp.dot.seq > flushed;
  };
  table.for_each([&](KeyEntry& compact) {
    if (compact.is_short() && !is_unflushed(compact.newest_stamp())) return;
    table.change(compact, [&](KeyEntry& entry) { take_back(entry, is_unflushed); });
  });
}

// --- what is told to others
// ---------------------------------------------------------------------------

// Ops of our former lives may be with others only: made before those lives saw
// what we are about to promise, so that nobody may forget it before he has
// them. Whoever has seen us begin gets no more of them, except from others; and from a life of those that is over,
// no more once he has seen the next one begin. So once all have seen us, and each other's present lives, and we have
// what they had, there are no more.
bool Region::State::may_promise() {
  if (has_recovered || stability.peers().empty()) return true;
  for (const RegionId peer : stability.peers()) {
    if (departures[peer].has_left()) {
      if (!is_shut_out(peer)) return false;
      continue;
    }
    const VersionVector& seen = seen_by[peer];
    if (!seen.covers({self, 1})) return false;
    for (const RegionId other : stability.peers()) {
      const Actor life = seen_by[other].life_of(other);
      if (!departures[other].has_left() && !seen.covers({life, 1})) return false;
    }
    for (const Dot& dot : seen.entries())
      if (dot.actor.region == self.region && !vector.covers(dot)) return false;
  }
  return has_recovered = true;
}

BatchHeader Region::State::next_header(std::uint32_t ops) {
  BatchHeader header;
  header.actor = self;
  header.first = flushed + 1;
  header.count = ops;
  header.more = ops < noted.size();
  header.hlc = newest;
  header.base = std::min(base, newest);
  header.context = VersionVector::changes(told_context, vector);
  // What a TakeOver describes comes with it.
  for (Dot& dot : header.context)
    if (!taken_after.empty() && dot.actor == taken_after.front().actor)
      dot.seq = taken_after.front().seq;
  std::erase_if(header.context, [](const Dot& dot) { return dot.seq == 0; });
  std::erase_if(header.context, [&](const Dot& dot) { return dot.actor == self; });
  if (!may_promise()) return header;
  const VersionVector promised = safe ? VersionVector::meet(vector, *safe) : vector;
  header.promise = VersionVector::changes(told_promise, promised);
  for (Dot& dot : header.promise)
    if (dot.actor == self) dot.seq = std::min(dot.seq, flushed + ops);
  std::erase_if(header.promise, [&](const Dot& dot) { return told_promise.covers(dot); });
  return header;
}

void Region::State::announced(const BatchHeader& header) {
  stability.promise(self.region, header.promise);
  for (const Dot& dot : header.context) announced_context.advance(dot);
  for (const Dot& dot : header.promise) announced_promise.advance(dot);
  judge_departures();
  if (header.count == 0) return;
  VersionVector& context = contexts[self];  // an op of ours may come back that we have lost since
  for (const Dot& dot : header.context) {
    told_context.advance(dot);
    context.advance(dot);
  }
  for (const Dot& dot : header.promise) told_promise.advance(dot);
  flushed += header.count;
  if (!taken_after.empty()) taken_after.pop_front();
}

// --- conflicts
// ----------------------------------------------------------------------------------------------

void Region::State::remember(Conflict conflict) {
  constexpr std::size_t kConflictsKept = 100;
  conflicts.push_front(std::move(conflict));
  if (conflicts.size() > kConflictsKept) conflicts.pop_back();
}

void Region::State::lost_write(const KeyName& key, std::string_view element, const Stamp& winner,
                               const Stamp& loser) {
  ++counts.conflicts_lww;
  remember({key, std::string(element), winner, loser, "write"});
}

void Region::State::lost_type(const KeyName& key, const Stamp& winner, const Stamp& loser) {
  ++counts.conflicts_type;
  remember({key, "", winner, loser, "type"});
}

void Region::State::survived_remove(const KeyName& key, std::string_view element) {
  ++counts.conflicts_remove;
  remember({key, std::string(element), {}, {}, "remove"});
}

}  // namespace sluice::crdt
