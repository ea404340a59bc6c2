#include "crdt/rejoin.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "crdt/effect_codec.h"
#include "crdt/element_ops.h"
#include "crdt/native.h"
#include "crdt/number.h"

namespace sluice::crdt {
namespace {

Effect write_of(ValueType type, const std::string& name, const std::string& value) {
  switch (type) {
    case ValueType::kHash:
      return WriteFields{{{name, value}}};
    case ValueType::kSet:
      return AddMembers{{name}};
    case ValueType::kZset:
      return WriteScores{{{name, score_of(value)}}};
    case ValueType::kStream: {
      Reader from(value);
      return AddEntry{stream_id(name), decode_fields(from)};
    }
    case ValueType::kString:
    case ValueType::kNone:
    case ValueType::kList:
    case ValueType::kOther:
      return ChangeString{value};
  }
  return ChangeString{value};
}

Effect effect_of(ValueType type, const std::string& name, const Live& live) {
  switch (live.kind) {
    case LiveKind::kWrite:
      return write_of(type, name, live.value.value_or(""));
    case LiveKind::kIncrement:
      if (type == ValueType::kHash) return IncrementField{name, live.by};
      return Increment{live.by};
    case LiveKind::kIncrementFloat:
      if (type == ValueType::kHash) return IncrementFieldFloat{name, *live.value};
      if (type == ValueType::kZset) return IncrementScore{name, score_of(*live.value)};
      return IncrementFloat{*live.value};
    case LiveKind::kMergeHll:
      return MergeHll{*live.value};
    case LiveKind::kAddToHll: {
      AddToHll add;
      for (Reader from(*live.value); from.ok() && !from.at_end();)
        add.elements.emplace_back(from.text());
      return add;
    }
  }
  return RemoveKey{};
}

class Collector {
 public:
  Collector(const SurplusQuery& query, Keyspace& keyspace)
      : query_(query), keyspace_(keyspace), shown_(keyspace.type(query.key)) {}

  void add(KeyState& entry) {
    for (Body& body : entry.bodies)
      for (auto& [name, element] : body.elements) add(body.type, name, element);
    if (entry.list != nullptr) add(*entry.list);
    for (const LiveDeadline& deadline : entry.deadlines)
      if (is_ours(deadline.stamp)) add(SetDeadline{deadline.deadline}, deadline.stamp);
  }

  void add_plain(const KeyState* entry) {
    add_plain_elements(entry);
    const auto deadline = keyspace_.deadline(query_.key);
    const bool is_told = entry != nullptr && !entry->deadlines.empty();
    if (!is_told && shown_ != ValueType::kNone && deadline != kNoDeadline)
      add(SetDeadline{deadline}, {});
  }

  std::vector<Surplus> take() { return std::move(found_); }

 private:
  void add_plain_elements(const KeyState* entry) {
    if (shown_ == ValueType::kList && (entry == nullptr || entry->list == nullptr))
      add(InsertElements{-1,
                         keyspace_.list_range(query_.key, 0, keyspace_.list_length(query_.key))},
          {});
    if (shown_ == ValueType::kString && entry == nullptr)
      add(ChangeString{keyspace_.string(query_.key)}, {});
    if (shown_ == ValueType::kString || shown_ == ValueType::kList) return;
    const Body* const body =
        entry == nullptr ? nullptr : const_cast<KeyState*>(entry)->find(shown_);
    std::vector<std::string> names;
    keyspace_.for_each_element(query_.key, [&](std::string_view name, std::string_view) {
      if (body == nullptr || !body->elements.contains(std::string(name))) names.emplace_back(name);
    });
    for (const auto& name : names)
      add(write_of(shown_, name, read_element(keyspace_, query_.key, shown_, name).value_or("")),
          {});
  }

  bool is_ours(const Stamp& stamp) const {
    return stamp.dot.actor.region == query_.region && !query_.peer.covers(stamp.dot);
  }

  void add(Effect effect, const Stamp& stamp) {
    found_.push_back({{query_.key, std::move(effect)}, stamp});
  }

  void add(ValueType type, const std::string& name, Element& element) {
    if (type == ValueType::kStream && name.empty()) return;  // comes with its entries
    const bool keeps_base =
        query_.keeps_plain && type == shown_ && element.base != BaseState::kNone;
    if (!keeps_base &&
        std::ranges::none_of(element.live, [&](const Live& live) { return is_ours(live.stamp); }))
      return;
    if (type == shown_)
      element.capture(read_element(keyspace_, query_.key, type, name), arithmetic_of(type));
    // What stands beneath increments, and no op tells.
    if (keeps_base && element.base == BaseState::kKnown)
      add(write_of(type, name, element.base_value), {});
    for (const Live& live : element.live)
      if (is_ours(live.stamp)) add(effect_of(type, name, live), live.stamp);
  }

  void add(const Sequence& list) {
    std::uint64_t at = 0;
    for (const Piece& piece : list.pieces()) {
      if (!piece.is_visible()) continue;
      const bool is_wanted = is_ours(piece.stamp) || (query_.keeps_plain && piece.is_stable());
      if (is_wanted && shown_ == ValueType::kList) {
        add(InsertElements{-1, keyspace_.list_range(query_.key, at, piece.count)}, piece.stamp);
      } else if (is_wanted && !piece.values.empty()) {
        add(InsertElements{-1, piece.values}, piece.stamp);
      }
      at += piece.count;
    }
  }

  const SurplusQuery& query_;
  Keyspace& keyspace_;
  ValueType shown_;
  std::vector<Surplus> found_;
};

}  // namespace

std::vector<Surplus> surplus_of(const SurplusQuery& query, KeyState* entry, Keyspace& keyspace) {
  Collector collector(query, keyspace);
  if (entry != nullptr) collector.add(*entry);
  if (query.keeps_plain) collector.add_plain(entry);
  return collector.take();
}

namespace {

// Each run of elements that is stable, as its removal and its insertion in the same place.
void tell_stable_pieces(const KeyName& key, const Sequence& list, Keyspace& keyspace,
                        std::vector<Op>& ops) {
  const std::uint64_t length = keyspace.list_length(key);
  std::uint64_t at = 0;
  for (const Piece& piece : list.pieces()) {
    if (!piece.is_visible()) continue;
    if (piece.is_stable()) {
      const auto place = static_cast<std::int64_t>(at);
      ops.push_back({key, RemoveElements{place, piece.count, length}});
      ops.push_back({key, InsertElements{place, keyspace.list_range(key, at, piece.count),
                                         length - piece.count}});
    }
    at += piece.count;
  }
}

}  // namespace

std::vector<Op> Region::untold(const KeyName& key, Keyspace& keyspace) const {
  KeyEntry* const compact = state_->table.find(key);
  CHECK(compact != nullptr);
  std::vector<Op> ops;
  const ValueType shown = keyspace.type(key);
  if (shown == ValueType::kNone || shown == ValueType::kOther) return ops;
  KeyState& entry = compact->open();
  if (shown == ValueType::kString) {
    const Body* const body = entry.find(shown);
    const auto found = body == nullptr ? decltype(body->elements.end()){} : body->elements.find("");
    const bool is_told =
        body != nullptr && found != body->elements.end() && found->second.base == BaseState::kNone;
    if (!is_told) ops.push_back({key, WriteString{keyspace.string(key), keyspace.deadline(key)}});
  } else if (shown == ValueType::kList && entry.list != nullptr) {
    tell_stable_pieces(key, *entry.list, keyspace, ops);
  } else {
    const SurplusQuery query{key, 0, state_->vector, true};
    Collector collector(query, keyspace);
    collector.add_plain(&entry);
    for (Surplus& plain : collector.take()) ops.push_back(std::move(plain.op));
  }
  const auto deadline = keyspace.deadline(key);
  if (shown != ValueType::kString && entry.deadlines.empty() && deadline != kNoDeadline)
    ops.push_back({key, SetDeadline{deadline}});
  compact->close();
  return ops;
}

namespace {

// Whether the peer has a later write of the same element, or another type.
bool gives_way(const Surplus& surplus, KeyState* peer, bool is_new, Keyspace& keyspace) {
  const auto type = type_of(surplus.op.effect);
  const auto shown = keyspace.type(surplus.op.key);
  if (type == ValueType::kNone) {
    const auto* const set = std::get_if<SetDeadline>(&surplus.op.effect);
    return shown == ValueType::kNone ||
           (!is_new && set->deadline <= keyspace.deadline(surplus.op.key));
  }
  if (shown != ValueType::kNone && shown != type) return true;
  // What no PFADD would have done.
  const bool is_hll = std::holds_alternative<AddToHll>(surplus.op.effect) ||
                      std::holds_alternative<MergeHll>(surplus.op.effect);
  if (is_hll && shown == type && !keyspace.string(surplus.op.key).starts_with("HYLL")) return true;
  const auto ops = element_ops(surplus.op.effect);
  if (ops.empty() || !ops.front().kills || shown == ValueType::kNone) return false;
  if (surplus.stamp == Stamp{})
    return read_element(keyspace, surplus.op.key, type, ops.front().name).has_value();
  const Body* const body = peer == nullptr ? nullptr : peer->find(type);
  if (body == nullptr) return false;
  const auto found = body->elements.find(ops.front().name);
  if (found == body->elements.end()) return false;
  const Live* const winner = found->second.winner();
  return winner != nullptr && winner->stamp > surplus.stamp;
}

// Elements of lists without metadata are plain, or ops of which nothing is kept: those the peer has too.
void drop_told(std::vector<Surplus>& surplus, const std::vector<std::string>& of_peer) {
  std::multiset<std::string> told(of_peer.begin(), of_peer.end());
  for (Surplus& left : surplus) {
    auto* const insert = std::get_if<InsertElements>(&left.op.effect);
    if (insert == nullptr || left.stamp.dot.seq != 0) continue;
    std::vector<std::string> plain;
    for (std::string& value : insert->values)
      if (told.extract(value).empty()) plain.push_back(std::move(value));
    insert->values = std::move(plain);
  }
  std::erase_if(surplus, [](const Surplus& left) {
    const auto* const insert = std::get_if<InsertElements>(&left.op.effect);
    return insert != nullptr && insert->values.empty();
  });
}

}  // namespace

// Does once more, as writes of this region on top of what the peer has.
void Region::State::redo(std::vector<Surplus> surplus, KeyState* peer, Keyspace& keyspace,
                         std::uint64_t now_ms) {
  std::ranges::stable_sort(surplus, {}, &Surplus::stamp);
  if (surplus.empty()) return;
  const KeyName key = surplus.front().op.key;
  const bool is_new = keyspace.type(key) == ValueType::kNone;
  if (told_lists && told_lists->contains(key) && keyspace.type(key) == ValueType::kList)
    drop_told(surplus, keyspace.list_range(key, 0, keyspace.list_length(key)));
  for (Surplus& left : surplus) {
    if (gives_way(left, peer, is_new, keyspace)) {
      lost_write(left.op.key, "", {}, left.stamp);
      continue;
    }
    left.op.creates = keyspace.type(left.op.key) == ValueType::kNone;
    KeyState scratch;
    const auto all = Context::everything();
    merge_op({left.op, left.stamp, all, vector}, scratch, keyspace, *this);
    fill(left.op, keyspace);
    if (left.stamp == Stamp{}) left.stamp = {Hlc{now_ms << 16U}, {}};
    merging->redo.push_back(std::move(left));
  }
}

// What concerns a key that has been merged comes after that for all who will
// ever see it.
void Region::State::note_while_merging(const Op& op, std::uint64_t now_ms) {
  if (std::holds_alternative<Leave>(op.effect) || std::holds_alternative<Return>(op.effect)) return;
  const bool is_of_one_key =
      !std::holds_alternative<Flush>(op.effect) && !std::holds_alternative<WriteLibrary>(op.effect);
  const Stamp stamp{Hlc{now_ms << 16U}, {}};
  if (!is_of_one_key || merging->merged.contains(op.key)) {
    merging->redo.push_back({op, stamp});
  } else if (merging->merged_before.contains(op.key)) {
    merging->redone_before[op.key].push_back({op, stamp});
  } else if (merging->is_sweeping) {
    merging->late.push_back(op.key);
  }
}

std::vector<Surplus> Merging::take_redone(const KeyName& key) {
  const auto found = redone_before.find(key);
  if (found == redone_before.end()) return {};
  auto redone = std::move(found->second);
  redone_before.erase(found);
  return redone;
}

std::uint64_t Merging::undescribed() const {
  // A master has its noted ops in its table, and their numbers in its vector; a replica has not.
  if (peer->vector.at(peer->self) > peer->flushed) return 0;
  return peer->noted.size() - std::min<std::uint64_t>(peer->described, peer->noted.size());
}

// A snapshot that lacks what somebody has forgotten, or has of our ops, would not do.
Result<void> Region::State::check_snapshot(const State& peer) const {
  const Departure& ours = peer.departures[self.region];
  if (peer.departures[peer.self.region].has_left())
    return fail(Errc::kBusy, "its maker has to rejoin itself");
  if (peer.merging != nullptr) return fail(Errc::kBusy, "its maker is rejoining itself");
  // It may still lack what a former life of its had told to some, and tell all who are on their way back to leave again.
  if (!peer.stability.promised_by(peer.self.region).covers({peer.self, 1}))
    return fail(Errc::kBusy, "its maker had not heard yet from everybody since it began anew");
  if (!ours.has_left())
    return fail(Errc::kBusy, "its maker had not heard yet that this region has to rejoin");
  // Who has come back by it once has made ops since that others may have, and it has not.
  if (ours.is_over_by(vector))
    return fail(Errc::kBusy, "it is of an earlier time that this region had to rejoin");
  if (!peer.is_awaited(self.region))
    return fail(Errc::kBusy, "when it was made, not everybody waited yet for this region's return");
  return {};
}

Result<void> Region::begin_merge(std::string_view saved, MergeWish wish) {
  State& s = *state_;
  constexpr std::size_t kRegionByte = 1;
  if (saved.size() <= kRegionByte) return fail(Errc::kProtocol, "saved region ends too early");
  const auto peer = static_cast<RegionId>(saved[kRegionByte]);
  if (peer < 1 || peer > kRegionIdMax || peer == s.self.region)
    return fail(Errc::kRejected, "snapshot is not another region's");
  TRY(auto loaded, State::loaded(saved, peer, s.limits));
  if (!wish.is_unchecked) TRY_VOID(s.check_snapshot(*loaded));
  auto next = std::make_unique<Merging>();
  next->keeps_plain = wish.keeps_plain || !loaded->vector.covers(s.stability.forgotten());
  next->peer = std::move(loaded);
  if (s.merging != nullptr) {
    next->keeps_plain = next->keeps_plain || s.merging->keeps_plain;
    next->merged_before = std::move(s.merging->merged_before);
    next->redone_before = std::move(s.merging->redone_before);
    s.merging->merged.for_each([&](const KeySet::Print& key) { next->merged_before.insert(key); });
    for (Surplus& left : s.merging->redo) {
      const bool is_of_one_key = !std::holds_alternative<Flush>(left.op.effect) &&
                                 !std::holds_alternative<WriteLibrary>(left.op.effect);
      if (is_of_one_key) {
        auto& redone = next->redone_before[left.op.key];
        redone.push_back(std::move(left));
      } else {
        next->redo.push_back(std::move(left));
      }
    }
  }
  s.merging = std::move(next);
  return {};
}

namespace {

KeyState* opened(SideTable& table, const KeyName& key) {
  KeyEntry* const entry = table.find(key);
  return entry == nullptr ? nullptr : &entry->open();
}

}  // namespace

void Region::merge_key(const KeyName& key, const std::function<void()>& write, Keyspace& keyspace,
                       std::uint64_t now_ms) {
  State& s = *state_;
  CHECK(is_merging());
  Merging& merging = *s.merging;
  if (!merging.merged.insert(key)) return;
  auto left = merging.merged_before.contains(key)
                  ? merging.take_redone(key)
                  : surplus_of({key, s.self.region, merging.peer->vector, merging.keeps_plain},
                               opened(s.table, key), keyspace);
  keyspace.remove(key);
  write();
  s.redo(std::move(left), opened(merging.peer->table, key), keyspace, now_ms);
  if (KeyEntry* const entry = merging.peer->table.find(key)) entry->close();
}

void Region::merge_rest(Keyspace& keyspace, std::uint64_t now_ms) {
  State& s = *state_;
  CHECK(is_merging());
  std::vector<KeyName> rest;
  for (std::uint32_t db = 0; db < keyspace.db_count(); ++db)
    keyspace.for_each_key(db, [&](const KeyName& key) {
      if (!s.merging->merged.contains(key)) rest.push_back(key);
    });
  for (const KeyName& key : rest) merge_key(key, [] {}, keyspace, now_ms);
}

void Region::begin_sweep() {
  CHECK(is_merging());
  state_->merging->is_sweeping = true;
}

bool Region::is_merged(const KeyName& key) const {
  return state_->merging != nullptr && state_->merging->merged.contains(key);
}

std::optional<KeyName> Region::take_late() {
  CHECK(is_merging());
  auto& late = state_->merging->late;
  while (!late.empty()) {
    const KeyName key = std::move(late.front());
    late.pop_front();
    if (!state_->merging->merged.contains(key)) return key;
  }
  return std::nullopt;
}

// Ops of the batch that are in the snapshot's values already; the others come again, for everybody to apply.
Result<void> Region::merge_stream(std::string_view bytes) {
  CHECK(is_merging());
  Merging& merging = *state_->merging;
  State& peer = *merging.peer;
  TRY(Batch batch, decode_batch(bytes));
  BatchHeader& header = batch.header;
  if (header.actor.region != peer.self.region) return {};
  const auto undescribed = merging.undescribed();
  const auto here = peer.vector.at(header.actor);
  const bool is_next =
      header.actor == peer.self ? header.first <= peer.flushed + 1 : header.first == 1;
  if (undescribed > 0 && is_next && header.first + header.count > here + 1) {
    const auto known = header.actor == peer.self ? peer.flushed + 1 - header.first : 0;
    const auto begins =
        header.actor == peer.self ? 0U : 1U;  // the first op of a life says only that
    const auto wanted = std::min<std::uint64_t>(header.count - known, undescribed + begins);
    batch.ops.erase(batch.ops.begin(), batch.ops.begin() + static_cast<std::ptrdiff_t>(known));
    batch.ops.resize(wanted);
    header.first += known;
    header.count = static_cast<std::uint32_t>(wanted);
    header.more = wanted < undescribed + begins;
    return peer.record(batch);
  }
  peer.stability.promise(peer.self.region, header.promise);
  return {};
}

bool Region::is_merge_complete() const {
  if (!is_merging() || state_->merging->undescribed() > 0) return false;
  const State& peer = *state_->merging->peer;
  const Dot last{peer.self, peer.vector.at(peer.self)};
  return peer.stability.promised_by(peer.self.region).covers(last);
}

void Region::finish_merge(std::uint32_t incarnation) {
  State& s = *state_;
  CHECK(is_merging());
  state_ = s.merging->peer->taken_over_by(s);
  Departure& ours = state_->departures[state_->self.region];
  if (ours.has_left()) ours = {.leaves = {}, .returns = {}, .wanted = {}, .back = incarnation};
  if (!state_->follows) state_->begin_incarnation(incarnation);
}

bool Region::is_merging() const {
  return state_->merging != nullptr && state_->merging->peer != nullptr;
}

bool Region::is_half_merged() const {
  return state_->merging != nullptr;
}

std::uint64_t Region::merged_keys() const {
  return state_->merging == nullptr ? 0 : state_->merging->merged.size();
}

// This peer's knowledge, as `region`'s.
std::unique_ptr<Region::State> Region::State::taken_over_by(State& region) {
  auto next = std::make_unique<State>(region.self.region, region.limits);
  next->newest = std::max(newest, region.newest);
  next->vector = vector;
  next->contexts = contexts;
  next->counts = region.counts;
  next->conflicts = region.conflicts;
  next->safe = region.safe;
  for (RegionId other = 1; other <= kRegionIdMax; ++other) {
    const VersionVector& promised = stability.promised_by(other);
    next->stability.promise(other, {promised.entries().begin(), promised.entries().end()});
    next->seen_by[other] = seen_by[other];
    const bool is_peer = stability.is_member(other) || other == self.region;
    if (is_peer && other != region.self.region) next->stability.join(other);
    if (stability.is_detached(other) && other != region.self.region) next->stability.detach(other);
  }
  next->seen_by[self.region] = vector;
  // What it has noted and not yet flushed is here already; its batch will say that it saw all this.
  VersionVector& context = next->contexts[self];
  for (const Dot& dot : vector.entries())
    if (dot.actor != self) context.advance(dot);
  next->stability.restore_forgotten(stability.forgotten());
  for (const Dot& dot : stability.waiting()) next->stability.arrived(dot);
  next->table = std::move(table);
  next->follows = region.follows;
  for (RegionId other = 1; other <= kRegionIdMax; ++other)
    next->departures[other] = departures[other];
  for (Surplus& left : region.merging->redo) next->noted.add(left.op, left.stamp.hlc.wall_ms());
  return next;
}

}  // namespace sluice::crdt
