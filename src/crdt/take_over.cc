#include "crdt/take_over.h"

#include <algorithm>

#include "base/overloaded.h"
#include "crdt/effect_codec.h"
#include "crdt/hll.h"
#include "crdt/region_state.h"

namespace sluice::crdt {
namespace {

Taken taken_of(const TakeOver& taken, RegionId region) {
  return {{region, taken.former}, taken.first, taken.first + ops_of(taken).size() - 1};
}

// The elements of a whole value come in the order of a server's own hash table.
Effect in_order(Effect effect) {
  std::visit(Overloaded{[](WriteFields& e) { std::ranges::sort(e.fields, {}, &Field::name); },
                        [](AddMembers& e) { std::ranges::sort(e.members); },
                        [](WriteScores& e) { std::ranges::sort(e.scores, {}, &Score::member); },
                        [](auto&) {}},
             effect);
  return effect;
}

// A HyperLogLog has the same registers in other bytes after other steps: a replica that forgot its metadata earlier merged by others.
bool are_alike(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto registers = hll_registers(a);
  return registers && registers == hll_registers(b);
}

// Whether it does not matter which of the two is merged under a name.
bool are_alike(const Op& a, const Op& b) {
  if (a.key != b.key || a.effect.index() != b.effect.index()) return false;
  if (std::holds_alternative<RemoveKey>(a.effect)) return true;  // a replica hears of no deadlines
  if (a.creates != b.creates) return false;
  if (const auto* const merged = std::get_if<MergeHll>(&a.effect))
    return are_alike(merged->registers, std::get<MergeHll>(b.effect).registers);
  if (const auto* const written = std::get_if<WriteString>(&a.effect)) {
    const auto& same = std::get<WriteString>(b.effect);
    return written->deadline == same.deadline && are_alike(written->value, same.value);
  }
  Writer one;
  Writer other;
  encode_effect(in_order(a.effect), one);
  encode_effect(in_order(b.effect), other);
  return one.bytes() == other.bytes();
}

std::string text_of(const std::vector<Op>& ops, std::size_t at) {
  if (at >= ops.size()) return "nothing";
  return "kind " + std::to_string(ops[at].effect.index()) + (ops[at].creates ? " creating" : "") +
         " of key " + ops[at].key.name;
}

}  // namespace

std::optional<Taken> taken_by(const Batch& batch) {
  if (batch.ops.size() != 1) return std::nullopt;
  const auto* const taken = std::get_if<TakeOver>(&batch.ops.front().effect);
  if (taken == nullptr) return std::nullopt;
  return taken_of(*taken, batch.header.actor.region);
}

bool is_native_write(const Op& op) {
  return !std::holds_alternative<Begin>(op.effect) &&
         !std::holds_alternative<TakeOver>(op.effect) &&
         !std::holds_alternative<Leave>(op.effect) && !std::holds_alternative<Return>(op.effect);
}

std::uint64_t native_writes(const Batch& batch) {
  std::uint64_t count = 0;
  for (const Op& op : batch.ops) {
    if (const auto* const taken = std::get_if<TakeOver>(&op.effect))
      count += static_cast<std::uint64_t>(std::ranges::count_if(ops_of(*taken), is_native_write));
    else if (is_native_write(op))
      ++count;
  }
  return count;
}

// A replica notes what its master has noted, so that it may take over. Otherwise this shows where it does not.
std::uint64_t Region::State::compare_noted(const Batch& batch) {
  const auto here = noted.ops();
  std::vector<Op> told;
  for (const Op& op : batch.ops) {
    if (const auto* const taken = std::get_if<TakeOver>(&op.effect)) {
      std::ranges::copy_if(ops_of(*taken), std::back_inserter(told), is_native_write);
    } else if (is_native_write(op)) {
      told.push_back(op);
    }
  }
  std::uint64_t others = 0;
  const auto end =
      batch.header.more ? described + told.size() : std::max(here.size(), described + told.size());
  for (std::size_t at = described; at < end; ++at) {
    const bool is_like = at < here.size() && at - described < told.size() &&
                         are_alike(here[at], told[at - described]);
    if (is_like) continue;
    ++others;
    misnoted = text_of(here, at) + ", its master " + text_of(told, at - described);
  }
  counts.misnoted_ops += others;
  return others;
}

// `left` has been noted here since `after`, the newest op of which a batch has come; or it begins with what was to take
// over and was never told.
void Region::State::take_over(const std::vector<Op>& left, Dot after) {
  newest = std::max(newest, base);
  const bool was_told = !std::holds_alternative<TakeOver>(left.front().effect);
  std::vector<Op> first;
  NotedOps parts(limits.batch_ops_max);
  if (was_told)
    for (const Op& op : left) parts.add(op, 0);
  for (; !parts.empty(); parts.pop_next()) {
    first.push_back(
        {{},
         TakeOver{after.actor.incarnation, after.seq + 1, base, std::string(parts.next_bytes())},
         false});
    after.seq += parts.next_count();
  }
  if (!was_told) first = left;
  for (const Op& op : first)
    if (const auto* const taken = std::get_if<TakeOver>(&op.effect)) note_taken(*taken);
  for (const Op& op : first) {
    if (const auto* const taken = std::get_if<TakeOver>(&op.effect))
      taken_after.push_back({{self.region, taken->former}, taken->first - 1});
    note(op, 0);
    noted.add(op, 0);
  }
}

// Native writes of this region, which are done. What they saw is what is here.
void Region::State::note_taken(const TakeOver& taken) {
  const auto ops = ops_of(taken);
  Dot dot{{self.region, taken.former}, taken.first + ops.size() - 1};
  const auto here = vector.at(dot.actor);
  if (here >= dot.seq) return;
  VersionVector& context = contexts[dot.actor];
  for (const Dot& seen : vector.entries())
    if (seen.actor != self && seen.actor != dot.actor) context.advance(seen);
  const auto at = stability.arrived(dot);
  vector.advance(dot);
  dot.seq = taken.first - 1;
  for (const Op& op : ops)
    if (++dot.seq > here) note_into_table(op, {taken.base, dot}, at);
}

// Of an op that is here already its batch has come; only its stamp may be another.
void Region::State::apply_taken(const TakeOver& taken, RegionId region, const VersionVector& seen,
                                Keyspace& keyspace) {
  const auto ops = ops_of(taken);
  Dot dot{{region, taken.former}, taken.first + ops.size() - 1};
  const auto here = vector.at(dot.actor);
  see(taken.base);
  VersionVector& context = contexts[dot.actor];
  for (const Dot& other : seen.entries())
    if (other.actor != dot.actor) context.advance(other);
  const auto at = here < dot.seq ? stability.arrived(dot) : 0;
  dot.seq = taken.first - 1;
  for (const Op& op : ops) {
    const Stamp stamp{taken.base, {dot.actor, ++dot.seq}};
    if (dot.seq <= here) {
      restamp(op, stamp, keyspace);
    } else {
      merge_into_table(op, stamp, Context(seen, dot), at, keyspace);
    }
  }
  vector.advance(dot);
}

void Region::State::restamp(const Op& op, const Stamp& stamp, Keyspace& keyspace) {
  if (!is_timed(op.effect)) return;
  KeyEntry* const entry = table.find(place_of(op));
  if (entry == nullptr) return;
  show_sums(op.key, late_sums.take(op.key), keyspace);
  table.change(*entry, [&](KeyEntry& of) {
    const Op placed{place_of(op), op.effect, op.creates};
    restamp_op({placed, stamp, Context::everything(), vector}, of.open(), keyspace, *this);
    of.close();
  });
}

}  // namespace sluice::crdt
