// What is written in this region: each op is filled in, stamped, kept in the table, and waits for its batch.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "crdt/region_state.h"
#include "crdt/untold.h"

namespace sluice::crdt {
namespace {

// Fills in what the maker has after a float increment.
void fill_result(Op& op, Keyspace& keyspace) {
  if (auto* const e = std::get_if<IncrementFloat>(&op.effect)) {
    if (keyspace.type(op.key) == ValueType::kString) e->result = keyspace.string(op.key);
  } else if (auto* const f = std::get_if<IncrementFieldFloat>(&op.effect)) {
    if (keyspace.type(op.key) == ValueType::kHash)
      f->result = keyspace.field(op.key, f->name).value_or("");
  } else if (auto* const s = std::get_if<IncrementScore>(&op.effect)) {
    if (keyspace.type(op.key) == ValueType::kZset)
      s->result = keyspace.score(op.key, s->member).value_or(s->by);
  }
}

// And how long the list was, unless he says so who notes several effects of one command.
void fill_length(Op& op, Keyspace& keyspace) {
  const auto length = [&] {
    return keyspace.type(op.key) == ValueType::kList ? keyspace.list_length(op.key) : 0;
  };
  if (auto* const insert = std::get_if<InsertElements>(&op.effect)) {
    const auto now = length();
    if (insert->length == 0)
      insert->length = now - std::min<std::uint64_t>(now, insert->values.size());
  } else if (auto* const remove = std::get_if<RemoveElements>(&op.effect)) {
    if (remove->length == 0) remove->length = length() + remove->count;
  }
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

}  // namespace

void fill(Op& op, Keyspace& keyspace) {
  fill_result(op, keyspace);
  fill_length(op, keyspace);
}

void Region::note(Op op, Keyspace& keyspace, std::uint64_t now_ms) {
  State& s = *state_;
  fill(op, keyspace);
  if (!s.late_sums.empty()) s.late_sums.take(op.key);  // it is gone: its deadline has passed
  if (!s.follows) s.note(op, now_ms);
  if (s.merging != nullptr) s.note_while_merging(op, s.self.incarnation, now_ms);
  s.noted.add(op, now_ms);
}

void Region::note(const OneWrite& one, std::uint64_t now_ms) {
  State& s = *state_;
  if (!s.follows) s.note(one, now_ms);
  if (s.merging != nullptr) s.note_while_merging(op_of(one), s.self.incarnation, now_ms);
  s.noted.add(one, now_ms);
}

void Region::note_old(Op op, Keyspace& keyspace) {
  State& s = *state_;
  CHECK(!s.follows && (s.noted.empty() || s.notes_old));
  fill(op, keyspace);
  s.notes_old = true;
  s.note_old(op);
  s.noted.add(op, 0);
}

inline Dot Region::State::next_dot(std::uint64_t now_ms) {
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

inline void Region::State::note(const OneWrite& one, std::uint64_t now_ms) {
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

}  // namespace sluice::crdt
