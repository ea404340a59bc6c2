#include "crdt/rejoin.h"

#include <algorithm>

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

  std::vector<Surplus> take() { return std::move(found_); }

 private:
  bool is_ours(const Stamp& stamp) const {
    return stamp.dot.actor.region == query_.region && !query_.peer.covers(stamp.dot);
  }

  void add(Effect effect, const Stamp& stamp) {
    found_.push_back({{query_.key, std::move(effect)}, stamp});
  }

  void add(ValueType type, const std::string& name, Element& element) {
    if (type == ValueType::kStream && name.empty()) return;  // comes with its entries
    if (std::ranges::none_of(element.live, [&](const Live& live) { return is_ours(live.stamp); }))
      return;
    if (type == shown_)
      element.capture(read_element(keyspace_, query_.key, type, name), arithmetic_of(type));
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

// Whether the peer has a later write of the same element, or another type.
bool gives_way(const Surplus& surplus, KeyState* peer, Keyspace& keyspace) {
  const auto type = type_of(surplus.op.effect);
  const auto shown = keyspace.type(surplus.op.key);
  if (type == ValueType::kNone) {
    const auto* const set = std::get_if<SetDeadline>(&surplus.op.effect);
    return shown == ValueType::kNone || set->deadline <= keyspace.deadline(surplus.op.key);
  }
  if (shown != ValueType::kNone && shown != type) return true;
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

}  // namespace

// Does once more, as writes of this region on top of what the peer has.
void Region::State::redo(std::vector<Surplus> surplus, KeyState* peer, Keyspace& keyspace,
                         std::uint64_t now_ms) {
  std::ranges::stable_sort(surplus, {}, &Surplus::stamp);
  for (Surplus& left : surplus) {
    if (gives_way(left, peer, keyspace)) {
      lost_write(left.op.key, "", {}, left.stamp);
      continue;
    }
    left.op.creates = keyspace.type(left.op.key) == ValueType::kNone;
    KeyState scratch;
    const auto all = Context::everything();
    merge_op({left.op, left.stamp, all, vector}, scratch, keyspace, *this);
    fill(left.op, keyspace);
    merging->redo.add(left.op, now_ms);
  }
}

// What concerns a key that has been merged comes after that for all who will
// ever see it.
void Region::State::note_while_merging(const Op& op, std::uint64_t now_ms) {
  const bool is_of_one_key =
      !std::holds_alternative<Flush>(op.effect) && !std::holds_alternative<WriteLibrary>(op.effect);
  if (!is_of_one_key || merging->merged.contains(op.key)) merging->redo.add(op, now_ms);
}

Result<void> Region::begin_merge(std::string_view saved, bool keeps_plain) {
  State& s = *state_;
  if (s.merging != nullptr) return fail(Errc::kRejected, "a snapshot is being merged already");
  constexpr std::size_t kRegionByte = 1;
  if (saved.size() <= kRegionByte) return fail(Errc::kProtocol, "saved region ends too early");
  const auto peer = static_cast<RegionId>(saved[kRegionByte]);
  if (peer < 1 || peer > kRegionIdMax || peer == s.self.region)
    return fail(Errc::kRejected, "snapshot is not another region's");
  TRY(auto loaded, State::loaded(saved, peer, s.limits));
  s.merging = std::make_unique<Merging>(
      Merging{std::move(loaded), keeps_plain, {}, NotedOps(s.limits.batch_ops_max)});
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
  CHECK(s.merging != nullptr);
  Merging& merging = *s.merging;
  if (!merging.merged.insert(key).second) return;
  auto left = surplus_of({key, s.self.region, merging.peer->vector, merging.keeps_plain},
                         opened(s.table, key), keyspace);
  keyspace.remove(key);
  write();
  s.redo(std::move(left), opened(merging.peer->table, key), keyspace, now_ms);
  if (KeyEntry* const entry = merging.peer->table.find(key)) entry->close();
}

void Region::finish_merge(std::uint32_t incarnation, Keyspace& keyspace, std::uint64_t now_ms) {
  State& s = *state_;
  CHECK(s.merging != nullptr);
  std::vector<KeyName> rest;
  for (std::uint32_t db = 0; db < keyspace.db_count(); ++db)
    keyspace.for_each_key(db, [&](const KeyName& key) {
      if (!s.merging->merged.contains(key)) rest.push_back(key);
    });
  for (const KeyName& key : rest) merge_key(key, [] {}, keyspace, now_ms);
  state_ = s.merging->peer->taken_over_by(s);
  state_->begin_incarnation(incarnation);
}

std::optional<Dot> Region::merge_waits_for() const {
  if (state_->merging == nullptr) return std::nullopt;
  const State& peer = *state_->merging->peer;
  return Dot{peer.self, peer.vector.at(peer.self)};
}

bool Region::is_merging() const {
  return state_->merging != nullptr;
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
  next->noted = std::move(region.merging->redo);
  return next;
}

}  // namespace sluice::crdt
