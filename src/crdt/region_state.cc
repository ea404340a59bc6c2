#include "crdt/region_state.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "base/overloaded.h"
#include "crdt/element_ops.h"
#include "crdt/number.h"
#include "crdt/rejoin.h"
#include "crdt/take_over.h"
#include "crdt/untold.h"

namespace sluice::crdt {
namespace {

bool is_of_no_key(const Effect& effect) {
  return std::holds_alternative<Begin>(effect) || std::holds_alternative<TakeOver>(effect) ||
         std::holds_alternative<Leave>(effect) || std::holds_alternative<Return>(effect);
}

void note_op(const Op& op, const Stamp& stamp, KeyEntry& entry) {
  note_op(op, stamp, entry.open());
  entry.close();
}

// Of a key that nothing is kept of nothing needs to be: what others wrote
// meanwhile will come.
void note_removal(const Stamp& stamp, KeyEntry& entry, std::uint64_t at) {
  entry.touched = at;
  if (entry.is_short()) return entry.clear();
  note_op({entry.key().owned(), RemoveKey{}, false}, stamp, entry);
}

void write_one(const OneWrite& one, const KeyName& key, ValueType shown, Keyspace& keyspace) {
  switch (one.kind) {
    case OneKind::kString:
      return keyspace.write_string(key, one.value);
    case OneKind::kIncrement: {
      const std::string value = shown == ValueType::kNone ? "0" : keyspace.string(key);
      return keyspace.write_string(key, incremented(value, static_cast<std::int64_t>(one.number)));
    }
    case OneKind::kField:
      return keyspace.write_field(key, one.name, one.value);
    case OneKind::kMember:
      return keyspace.add_member(key, one.name);
    case OneKind::kScore:
      return keyspace.write_score(key, one.name, std::bit_cast<double>(one.number));
  }
}

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

bool is_flushed_by(const Flush& flush, const KeyView& key) {
  return key.db != kEveryDb && (flush.db == kEveryDb || flush.db == key.db);
}

}  // namespace

KeyName place_of(const Op& op) {
  const auto* const library = std::get_if<WriteLibrary>(&op.effect);
  return library == nullptr ? op.key : KeyName{kEveryDb, library->name};
}

Region::State::State(RegionId region, RegionLimits given)
    : limits(given), self{region, 0}, stability(region), noted(given.batch_ops_max) {}

Region::State::~State() = default;

// --- what is written here
// ---------------------------------------------------------------------------

Dot Region::State::next_dot(std::uint64_t now_ms) {
  const Dot dot = vector.next(self);
  if (arrival == 0 || dot.seq == 2) newest = tick(newest, now_ms);  // Begin knew no time
  if (arrival == 0) {
    arrival = stability.arrived(dot);
  } else {
    stability.extend(dot);
  }
  ++counts.local_ops;
  return dot;
}

void Region::State::note(const Op& op, std::uint64_t now_ms) {
  const Dot dot = next_dot(now_ms);
  note_into_table(op, {is_timed(op.effect) ? newest : base, dot}, arrival);
}

void Region::State::note(const OneWrite& one, std::uint64_t now_ms) {
  const Dot dot = next_dot(now_ms);
  const Stamp stamp{one.kind == OneKind::kIncrement ? base : newest, dot};
  if (!table.note(one, stamp, arrival)) note_into_table(one, stamp, arrival);
}

// So far our stream has been written, or read: what is noted next is stamped after that.
void Region::State::stream_has(Hlc hlc) {
  see(hlc);
  base = {newest.bits + 1};
}

void Region::State::note_into_table(const OneWrite& one, const Stamp& stamp, std::uint64_t at) {
  table.change(table.touch(one.key, at), [&](KeyEntry& entry) {
    if (!entry.note(one, stamp)) note_op(op_of(one), stamp, entry);
  });
}

void Region::State::note_old(const Op& op) {
  const Dot dot{self, vector.at(self) + 1};
  arrival = arrival == 0 ? stability.arrived(dot) : arrival;
  stability.extend(dot);
  note_into_table(op, {kOldHlc, dot}, arrival);
  vector.advance(dot);
  ++counts.local_ops;
}

void Region::State::note_into_table(const Op& op, const Stamp& stamp, std::uint64_t at) {
  if (const auto* const flush = std::get_if<Flush>(&op.effect)) {
    table.for_each([&](KeyEntry& entry) {
      if (!is_flushed_by(*flush, entry.key())) return;
      table.change(table.touch(entry.key(), at),
                   [&](KeyEntry& of) { note_removal(stamp, of, at); });
    });
    return;
  }
  if (is_of_no_key(op.effect)) return move_member(op.effect, stamp.dot, Context::everything());
  const bool is_first = is_first_of_plain_list(op);
  const KeyName key = place_of(op);
  if (std::holds_alternative<RemoveKey>(op.effect)) {
    KeyEntry* const entry = table.find(key);
    if (entry != nullptr)
      table.change(table.touch(key, at), [&](KeyEntry& of) { note_removal(stamp, of, at); });
    return;
  }
  if (const auto one = one_write(op)) return note_into_table(*one, stamp, at);
  table.change(table.touch(key, at), [&](KeyEntry& entry) {
    if (is_first) begin_untold(entry.open(), length_before(op.effect));
    note_op(op, stamp, entry);
  });
}

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

// --- what comes from others ----------------------------------------------------------------------

// NOLINTNEXTLINE(readability-function-cognitive-complexity): the reasons in their order
std::optional<Outcome> Region::State::refusal(const Batch& batch, const VersionVector& seen,
                                              std::uint64_t now_ms) const {
  const BatchHeader& header = batch.header;
  const auto here = vector.at(header.actor);
  if (header.count > 0 && header.first + header.count - 1 <= here) return Duplicate{};
  if (auto departed = refusal_of_departed(header, seen)) return departed;
  if (is_lost_with_its_life(header)) return Detached{header.actor.region};
  const bool is_former = std::ranges::any_of(vector.entries(), [&](const Dot& dot) {
    return dot.actor.region == header.actor.region &&
           dot.actor.incarnation > header.actor.incarnation;
  });
  const auto taken = taken_by(batch);
  const auto has_seen = [&](const Dot& dot) {
    const bool is_taken = taken && dot.actor == taken->actor && dot.seq <= taken->last;
    return dot.actor == header.actor || is_taken || seen.covers(dot);
  };
  // What a failover lost and comes too late leaves a gap that nobody fills.
  if (is_former && header.count > 0) {
    for (const Dot& dot : stability.forgotten().entries())
      if (!has_seen(dot)) return Behind{dot};
  }
  // The present life announces all anew.
  if (header.count == 0 && (is_former || header.actor.region == self.region)) return Duplicate{};
  if (header.first > here + 1) return Gap{{header.actor, here + 1}};
  const auto ahead = header.hlc.wall_ms();
  // What the master has taken its replica takes too, whatever its own clock says.
  if (!follows && ahead > now_ms + limits.clock_ahead_max_ms) return ClockAhead{ahead - now_ms};
  if (const auto lost = forgotten_return(batch, seen)) return Behind{*lost};
  for (const Dot& dot : seen.entries())
    if (!vector.covers(dot)) return ContextMissing{dot};
  if (header.count == 0) {
    const auto region = header.actor.region;
    const auto is_known = [](const VersionVector& known) {
      return [&](const Dot& dot) { return known.covers(dot); };
    };
    if (std::ranges::all_of(header.promise, is_known(stability.promised_by(region))) &&
        std::ranges::all_of(header.context, is_known(seen_by[region])))
      return Duplicate{};
    return std::nullopt;
  }
  if (taken && vector.at(taken->actor) + 1 < taken->first)
    return ContextMissing{{taken->actor, taken->first - 1}};
  for (const Dot& dot : stability.forgotten().entries())
    if (!has_seen(dot)) return Behind{dot};
  return std::nullopt;
}

Outcome Region::State::apply(const Batch& batch, Keyspace& keyspace, std::uint64_t now_ms) {
  const BatchHeader& header = batch.header;
  clock_ms = now_ms;
  VersionVector seen;
  if (const auto known = contexts.find(header.actor); known != contexts.end()) seen = known->second;
  for (const Dot& dot : header.context)
    if (dot.actor != header.actor) seen.advance(dot);
  advance();
  if (!follows) {
    if (const auto leave = expulsion(batch)) {
      expelled_by = *leave;
      leave_as_told();
      return Expelled{*leave};
    }
    if (answers_leave(batch)) return Detached{header.actor.region};
  }
  if (const auto refused = refusal(batch, seen, now_ms)) {
    learn_from(*refused, header, seen, now_ms);
    return *refused;
  }
  const bool is_heard = admit(header, seen);
  if (header.count == 0) {
    if (!is_heard) return Duplicate{};  // to be passed on it would go round for ever
    judge_departures();
    return Applied{};
  }
  see(header.hlc);
  const Seq last = header.first + header.count - 1;
  const auto at = stability.arrived({header.actor, last});
  Applied applied;
  for (Seq seq = vector.at(header.actor) + 1; seq <= last; ++seq, ++applied.ops) {
    const auto before = counts.concurrent_ops;
    const Dot dot{header.actor, seq};
    const Op& op = batch.ops[seq - header.first];
    if (const auto* const taken = std::get_if<TakeOver>(&op.effect))
      apply_taken(*taken, header.actor.region, seen, keyspace);
    merge_into_table(op, stamp_of(header, op.effect, dot), Context(seen, dot), at, keyspace);
    applied.concurrent += counts.concurrent_ops - before;
  }
  contexts[header.actor] = std::move(seen);
  vector.advance({header.actor, last});
  stream_has(header.hlc);
  judge_departures();
  may_lack_keys =
      may_lack_keys && !has_recovered;  // else all who had not heard of us have told what they did
  if (lacks_a_key && !follows && has_a_say()) {
    may_lack_keys = lacks_a_key = false;
    note_leave(self.region, now_ms);
  }
  return applied;
}

// Its maker saw a value where here is none, nor metadata of one that was removed.
bool Region::State::builds_on_a_lost_value(const Op& op, Keyspace& keyspace) const {
  if (op.creates || std::holds_alternative<RemoveKey>(op.effect) ||
      std::holds_alternative<WriteString>(op.effect) ||
      std::holds_alternative<WriteLibrary>(op.effect))
    return false;
  const KeyEntry* const entry = table.find(op.key);
  return (entry == nullptr || entry->empty()) && keyspace.type(op.key) == ValueType::kNone;
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): the cases in their order
void Region::State::merge_into_table(const Op& op, const Stamp& stamp, const Context& context,
                                     std::uint64_t at, Keyspace& keyspace) {
  if (const auto* const flush = std::get_if<Flush>(&op.effect)) {
    std::vector<KeyName> keys;
    table.for_each([&](const KeyEntry& entry) {
      if (is_flushed_by(*flush, entry.key())) keys.push_back(entry.key().owned());
    });
    for (std::uint32_t db = 0; db < keyspace.db_count(); ++db) {
      if (flush->db != kEveryDb && flush->db != db) continue;
      keyspace.for_each_key(db, [&](const KeyName& key) {
        if (table.find(key) == nullptr) keys.push_back(key);
      });
    }
    for (const KeyName& key : keys)
      merge_into_table({key, RemoveKey{}, false}, stamp, context, at, keyspace);
    return;
  }
  ++counts.remote_ops;
  if (is_of_no_key(op.effect)) return move_member(op.effect, stamp.dot, context);
  if (late_sums.is_before(op)) show_sums(op.key, late_sums.take(op.key), keyspace);
  if (may_lack_keys && builds_on_a_lost_value(op, keyspace)) lacks_a_key = true;
  const bool is_first = is_first_of_plain_list(op);
  if (applied_at_once(op, stamp, context, at, keyspace)) {
    ++counts.fast_ops;
    return;
  }
  const KeyName place = place_of(op);
  bool is_concurrent = false;
  table.change(table.touch(place, at), [&](KeyEntry& entry) {
    KeyState& state = entry.open();
    if (is_first && keyspace.type(place) == ValueType::kList)
      begin_untold(state, keyspace.list_length(place));
    const Op placed{place, op.effect, op.creates};
    const bool is_ours = stamp.dot.actor.region == self.region;
    const auto of_peers = spares_untold(op.effect) ? Untold::kUnseen : Untold::kSeenWhileHere;
    const auto untold = is_ours ? Untold::kSeen : of_peers;
    const bool is_adopting = told_lists && !is_ours;
    const Arrival comes{
        placed, stamp, context, vector, untold, is_adopting, sums_may_wait ? &late_sums : nullptr};
    is_concurrent = merge_op(comes, state, keyspace, *this);
    entry.close();
  });
  ++(is_concurrent ? counts.concurrent_ops : counts.fast_ops);
}

void Region::State::show_sums(const KeyName& key, const LateSums::OfKey& sums, Keyspace& keyspace) {
  KeyEntry* const entry = table.find(key);
  if (entry == nullptr) return;
  table.change(*entry, [&](KeyEntry& of) {
    crdt::show_sums(key, sums, of.open(), keyspace);
    of.close();
  });
}

// What merge_op() comes to where the commonest ops meet nothing that their maker had not seen, and no other element;
// or integers meet integers, which commute.
bool Region::State::applied_at_once(const Op& op, const Stamp& stamp, const Context& context,
                                    std::uint64_t at, Keyspace& keyspace) {
  const auto one = one_write(op);
  if (!one) return false;
  const auto type = type_of(one->kind);
  const auto shown = keyspace.type(op.key);
  if (shown != type && shown != ValueType::kNone) return false;
  // Its maker had a value, and here is none: noted at once it would seem to stand on a stable one.
  if (one->kind == OneKind::kIncrement && shown == ValueType::kNone && !one->creates) return false;
  if (one->kind == OneKind::kIncrement && told_lists) return false;  // on what its maker may lack
  KeyEntry& entry = table.touch(op.key, at);
  const bool is_over_its_like =
      shown == type && one->kind != OneKind::kIncrement && entry.takes_element(*one, context);
  const bool is_beside_its_likes = shown == type && one->kind == OneKind::kIncrement &&
                                   !one->creates && entry.takes_increment(stamp);
  if (!entry.empty() && !is_over_its_like && !is_beside_its_likes) return false;
  const auto before = shown == ValueType::kNone ? kNoDeadline : keyspace.deadline(op.key);
  write_one(*one, op.key, shown, keyspace);
  const bool is_string = type == ValueType::kString;  // writing those clears the deadline
  const auto kept = one->creates ? kNoDeadline : before;
  const auto wanted = one->kind == OneKind::kString ? one->number : kept;
  if (wanted != (is_string ? kNoDeadline : before)) keyspace.set_deadline(op.key, wanted);
  table.change(entry, [&](KeyEntry& of) { CHECK(of.note(*one, stamp)); });
  return true;
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
