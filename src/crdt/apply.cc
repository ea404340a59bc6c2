// What comes from others: whether it is taken, and how it is merged.
#include <algorithm>
#include <bit>
#include <utility>

#include "crdt/number.h"
#include "crdt/region_state.h"
#include "crdt/rejoin.h"
#include "crdt/take_over.h"
#include "crdt/untold.h"

namespace sluice::crdt {

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

namespace {

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

}  // namespace

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

}  // namespace sluice::crdt
