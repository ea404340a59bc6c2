// Region::save and load: what Writer and Reader make of a Region::State, in the
// order of its members.
#include <algorithm>
#include <map>

#include "crdt/rejoin.h"

namespace sluice::crdt {
namespace {

constexpr std::uint8_t kVersion = 5, kVersionWithoutPeer = 4, kVersionWithoutToldLists = 3,
                       kVersionWithoutBase = 2;

void put(Writer& into, const VersionVector& vector) {
  into.number(vector.entries().size());
  for (const Dot& dot : vector.entries()) into.dot(dot);
}

VersionVector get_vector(Reader& from) {
  VersionVector vector;
  for (auto left = from.count(3); left > 0 && from.ok(); --left) vector.advance(from.dot());
  return vector;
}

std::uint32_t get_incarnation(Reader& from) {
  return static_cast<std::uint32_t>(from.number_up_to(UINT32_MAX, "has a wide incarnation"));
}

void put(Writer& into, const Element& element) {
  into.byte(static_cast<std::uint8_t>(element.base));
  if (element.base == BaseState::kKnown) into.text(element.base_value);
  into.number(element.live.size());
  for (const Live& op : element.live) {
    into.stamp(op.stamp);
    into.byte(static_cast<std::uint8_t>(static_cast<unsigned>(op.kind) << 2U |
                                        (op.creates ? 2U : 0U) | (op.value ? 1U : 0U)));
    if (op.kind == LiveKind::kIncrement) into.signed_number(op.by);
    if (op.kind == LiveKind::kIncrementFloat) into.text(op.result);
    if (op.value) into.text(*op.value);
  }
}

Element get_element(Reader& from) {
  Element element;
  const auto base = from.byte();
  if (base <= static_cast<std::uint8_t>(BaseState::kKnown))
    element.base = static_cast<BaseState>(base);
  else
    from.defect("has an unknown base");
  if (element.base == BaseState::kKnown) element.base_value = from.text();
  for (auto left = from.count(); left > 0 && from.ok(); --left) {
    Live op;
    op.stamp = from.stamp();
    const auto bits = from.byte();
    if (bits >> 2U <= static_cast<unsigned>(LiveKind::kMergeHll))
      op.kind = static_cast<LiveKind>(bits >> 2U);
    else
      from.defect("has an unknown kind");
    op.creates = (bits & 2U) != 0;
    if (op.kind == LiveKind::kIncrement) op.by = from.signed_number();
    if (op.kind == LiveKind::kIncrementFloat) op.result = from.text();
    if ((bits & 1U) != 0) op.value = from.text();
    if (!op.value && op.kind != LiveKind::kWrite && op.kind != LiveKind::kIncrement)
      from.defect("lacks what was added");
    if (!element.empty() && op.stamp < element.live.back().stamp)
      from.defect("has ops that are not in order");
    if (from.ok()) element.live.add(std::move(op));
  }
  if (element.empty()) from.defect("has an element without ops");
  return element;
}

void put(Writer& into, const Body& body) {
  into.byte(static_cast<std::uint8_t>(body.type));
  std::vector<std::string_view> names;
  body.elements.for_each([&](const ElementEntry& element) { names.push_back(element.name()); });
  std::ranges::sort(names);
  into.number(names.size());
  for (const auto name : names) {
    into.text(name);
    body.elements.find(name)->read([&](const Element& element) { put(into, element); });
  }
}

Body get_body(Reader& from) {
  Body body;
  const auto type = from.byte();
  if (type <= static_cast<std::uint8_t>(ValueType::kOther) && type != 0)
    body.type = static_cast<ValueType>(type);
  else
    from.defect("has an unknown type");
  for (auto left = from.count(); left > 0 && from.ok(); --left) {
    const auto name = from.text();
    if (body.elements.find(name) != nullptr) from.defect("repeats an element");
    body.elements.change(name, [&](Element& element) { element = get_element(from); });
  }
  return body;
}

// Of a piece of a list. kOnlyGuesses: as it was told before removals on top of guesses were told apart.
constexpr std::uint8_t kCreates = 1, kOnlyGuesses = 2, kCountsGuesses = 4, kUntold = 8;

void put(Writer& into, const Sequence& list) {
  into.number(list.pieces().size());
  for (const Piece& piece : list.pieces()) {
    into.stamp(piece.stamp);
    into.number(piece.count);
    into.byte(static_cast<std::uint8_t>((piece.creates ? kCreates : 0U) |
                                        (piece.is_phantom() ? kCountsGuesses : 0U) |
                                        (piece.is_untold ? kUntold : 0U)));
    if (piece.is_phantom()) into.number(piece.guesses);
    into.number(piece.removals.size());
    for (const Dot& removal : piece.removals) into.dot(removal);
    into.number(piece.values.size());
    for (const auto& value : piece.values) into.text(value);
  }
}

std::unique_ptr<Sequence> get_list(Reader& from) {
  Pieces pieces;
  for (auto left = from.count(); left > 0 && from.ok(); --left) {
    Piece piece;
    piece.stamp = from.stamp();
    piece.count = from.number_up_to(std::uint64_t{1} << 48U, "has a list that is too long");
    if (piece.count == 0) from.defect("has a piece of a list without elements");
    const auto bits = from.byte();
    piece.creates = (bits & kCreates) != 0;
    piece.is_untold = (bits & kUntold) != 0 && piece.is_stable();
    const auto guesses = (bits & kCountsGuesses) != 0 ? from.number() : 0;
    for (auto removals = from.count(3); removals > 0 && from.ok(); --removals)
      piece.removals.push_back(from.dot());
    if (guesses > piece.removals.size()) from.defect("has more guessed removals than removals");
    piece.guesses =
        static_cast<std::uint32_t>((bits & kOnlyGuesses) != 0 ? piece.removals.size() : guesses);
    for (auto values = from.count(); values > 0 && from.ok(); --values)
      piece.values.emplace_back(from.text());
    if (!piece.values.empty() && piece.values.size() != piece.count)
      from.defect("has another number of values than of elements");
    pieces.push_back(std::move(piece));
  }
  return std::make_unique<Sequence>(std::move(pieces));
}

void put(Writer& into, const KeyState& entry) {
  std::vector<const Body*> bodies;
  bodies.reserve(entry.bodies.size());
  for (const Body& body : entry.bodies) bodies.push_back(&body);
  std::ranges::sort(bodies, {}, &Body::type);
  into.number(bodies.size());
  for (const Body* const body : bodies) put(into, *body);
  into.number(entry.deadlines.size());
  for (const LiveDeadline& deadline : entry.deadlines) {
    into.stamp(deadline.stamp);
    into.number(deadline.deadline + 1);
  }
  into.byte(entry.list == nullptr ? 0 : 1);
  if (entry.list != nullptr) put(into, *entry.list);
}

void get_entry(Reader& from, KeyState& entry) {
  for (auto left = from.count(); left > 0 && from.ok(); --left) {
    auto body = get_body(from);
    if (entry.find(body.type) != nullptr || body.empty())
      from.defect("has a body twice, or an empty one");
    entry.bodies.push_back(std::move(body));
  }
  for (auto left = from.count(); left > 0 && from.ok(); --left) {
    const auto stamp = from.stamp();
    entry.deadlines.push_back({stamp, from.number() - 1});
  }
  if (from.byte() != 0) entry.list = get_list(from);
}

void put(Writer& into, const Departure& left) {
  into.number(left.leaves.size());
  for (const Dot& dot : left.leaves) into.dot(dot);
  into.number(left.returns.size());
  for (const Dot& dot : left.returns) into.dot(dot);
  into.number(left.back);
}

Departure get_departure(Reader& from) {
  Departure left;
  for (auto count = from.count(3); count > 0 && from.ok(); --count)
    left.leaves.push_back(from.dot());
  for (auto count = from.count(3); count > 0 && from.ok(); --count)
    left.returns.push_back(from.dot());
  left.back = get_incarnation(from);
  return left;
}

void put(Writer& into, const KeySet& keys) {
  std::vector<KeySet::Print> prints;
  keys.for_each([&](const KeySet::Print& print) { prints.push_back(print); });
  std::ranges::sort(prints, {}, [](const auto& print) { return std::pair(print.high, print.low); });
  into.number(prints.size());
  for (const auto& print : prints) {
    into.fixed(print.high);
    into.fixed(print.low);
  }
}

KeySet get_keys(Reader& from) {
  KeySet keys;
  for (auto left = from.count(16); left > 0 && from.ok(); --left) {
    const auto high = from.fixed();
    keys.insert(KeySet::Print{high, from.fixed()});
  }
  return keys;
}

// With the peer's state, so that whoever loads it can follow the merge to its end.
void put(Writer& into, const Merging& merging) {
  into.byte(merging.keeps_plain ? 1 : 0);
  put(into, merging.merged);
  into.number(merging.redo.size());
  for (const Surplus& left : merging.redo) encode_surplus(left, into);
  into.text(merging.peer == nullptr ? std::string() : merging.peer->save());
  if (merging.peer == nullptr) return;
  into.byte(merging.is_sweeping ? 1 : 0);
  into.number(merging.forgotten_return);
  into.number(merging.late.size());
  for (const KeyName& key : merging.late) {
    into.number(key.db);
    into.text(key.name);
  }
  put(into, merging.merged_before);
  std::map<KeyName, const std::vector<Surplus>*> redone_before;
  std::uint64_t count = 0;
  for (const auto& [key, redone] : merging.redone_before) {
    redone_before[key] = &redone;
    count += redone.size();
  }
  into.number(count);
  for (const auto& [key, redone] : redone_before)
    for (const Surplus& left : *redone) encode_surplus(left, into);
}

KeyName get_key(Reader& from) {
  KeyName key;
  key.db = static_cast<std::uint32_t>(from.number_up_to(UINT32_MAX, "has a wide database"));
  key.name = from.text();
  return key;
}

}  // namespace

std::unique_ptr<Merging> Region::State::loaded_merging(Reader& from, std::uint8_t version,
                                                       const RegionLimits& limits) {
  auto merging = std::make_unique<Merging>();
  merging->keeps_plain = from.byte() != 0;
  merging->merged = get_keys(from);
  for (auto left = from.count(); left > 0 && from.ok(); --left)
    merging->redo.push_back(decode_surplus(from));
  if (version <= kVersionWithoutPeer) return merging;
  const auto saved = from.text();
  constexpr std::size_t kRegionByte = 1;
  if (saved.size() <= kRegionByte) return merging;
  const auto peer = static_cast<RegionId>(saved[kRegionByte]);
  auto snapshot = loaded(saved, peer, limits, Whose::kPeers);
  if (!snapshot || peer < 1 || peer > kRegionIdMax) {
    from.defect("merges what is no snapshot");
    return merging;
  }
  merging->peer = std::move(*snapshot);
  merging->is_sweeping = from.byte() != 0;
  merging->forgotten_return = get_incarnation(from);
  for (auto left = from.count(2); left > 0 && from.ok(); --left)
    merging->late.push_back(get_key(from));
  merging->merged_before = get_keys(from);
  for (auto left = from.count(); left > 0 && from.ok(); --left) {
    Surplus redone = decode_surplus(from);
    auto& of_key = merging->redone_before[place_of(redone.op)];
    of_key.push_back(std::move(redone));
  }
  return merging;
}

std::string Region::save() const {
  return state_->save();
}

std::string Region::State::save() const {
  const State& s = *this;
  Writer into;
  into.byte(kVersion);
  into.byte(s.self.region);
  into.number(s.self.incarnation);
  into.fixed(s.newest.bits);
  into.fixed(s.base.bits);
  into.number(s.flushed);
  for (const auto* const each :
       {&s.vector, &s.told_context, &s.told_promise, &s.stability.forgotten()})
    put(into, *each);
  into.number(s.contexts.size());
  for (const auto& [actor, seen] : s.contexts) {
    into.actor(actor);
    put(into, seen);
  }
  for (RegionId peer = 1; peer <= kRegionIdMax; ++peer) {
    into.byte(static_cast<std::uint8_t>((s.stability.is_member(peer) ? 1U : 0U) |
                                        (s.stability.is_detached(peer) ? 2U : 0U)));
    put(into, s.stability.promised_by(peer));
    put(into, s.seen_by[peer]);
    put(into, s.departures[peer]);
  }
  into.byte(s.merging == nullptr ? 0 : 1);
  if (s.merging != nullptr) put(into, *s.merging);
  into.byte(static_cast<std::uint8_t>((s.told_lists ? 1U : 0U) | (s.may_lack_keys ? 2U : 0U)));
  if (s.told_lists) put(into, *s.told_lists);
  into.number(s.retold.size());
  for (const auto& part : s.retold) {
    into.dot(part.last);
    into.number(part.written);
  }
  into.number(s.described);
  s.noted.save(into);
  std::vector<const KeyEntry*> keys;
  s.table.for_each([&](const KeyEntry& entry) {
    if (!entry.empty()) keys.push_back(&entry);
  });
  // In the order in which they came, which is that of their queue.
  std::ranges::sort(keys, {}, [&](const KeyEntry* entry) {
    const bool waits = entry->touched >= s.stability.first_waiting();
    return std::pair(waits ? entry->touched : 0, entry->key());
  });
  into.number(s.stability.waiting().size());
  for (const Dot& dot : s.stability.waiting()) into.dot(dot);
  into.number(keys.size());
  for (const KeyEntry* const entry : keys) {
    into.number(entry->key().db);
    into.text(entry->key().name);
    const auto first = s.stability.first_waiting();
    into.number(entry->touched < first ? 0 : entry->touched - first + 1);
    entry->read([&](const KeyState& state) { put(into, state); });
  }
  return into.take();
}

Result<void> Region::load(std::string_view bytes) {
  TRY(state_, State::loaded(bytes, state_->self.region, state_->limits));
  // A batch with what was noted follows in the stream; or, if its maker died before, it becomes another's.
  state_->take_back_unflushed();
  state_->forget_begin();
  return {};
}

Result<std::unique_ptr<Region::State>> Region::State::loaded(std::string_view bytes,
                                                             RegionId region,
                                                             const RegionLimits& limits,
                                                             Whose whose) {
  auto loaded = std::make_unique<State>(region, limits);
  State& s = *loaded;
  Reader from(bytes);
  const auto version = from.byte();
  if (version < kVersionWithoutBase || version > kVersion)
    from.defect("is of another version than 2 to 5");
  if (from.byte() != s.self.region) from.defect("is another region's");
  s.self.incarnation = static_cast<std::uint32_t>(from.number_up_to(UINT32_MAX, "is too wide"));
  s.newest.bits = from.fixed();
  s.base.bits = version > kVersionWithoutBase ? from.fixed() : s.newest.bits + 1;
  s.flushed = from.number();
  s.vector = get_vector(from);
  s.told_context = get_vector(from);
  s.told_promise = get_vector(from);
  s.stability.restore_forgotten(get_vector(from));
  for (auto left = from.count(); left > 0 && from.ok(); --left) {
    const auto actor = from.actor();
    s.contexts[actor] = get_vector(from);
  }
  for (RegionId peer = 1; peer <= kRegionIdMax && from.ok(); ++peer) {
    const auto bits = from.byte();
    if ((bits & 1U) != 0) s.stability.join(peer);
    if ((bits & 2U) != 0) s.stability.detach(peer);
    const auto promised = get_vector(from);
    s.stability.promise(peer, {promised.entries().begin(), promised.entries().end()});
    s.seen_by[peer] = get_vector(from);
    s.departures[peer] = get_departure(from);
  }
  const bool is_half_merged = from.byte() != 0;
  if (is_half_merged && whose == Whose::kPeers) from.defect("is half merged itself");
  if (is_half_merged && from.ok()) s.merging = loaded_merging(from, version, limits);
  if (version > kVersionWithoutToldLists) {
    const auto bits = from.byte();
    if ((bits & 1U) != 0) s.told_lists = get_keys(from);
    s.may_lack_keys = (bits & 2U) != 0;
  }
  if (version > kVersionWithoutPeer) {
    for (auto left = from.count(4); left > 0 && from.ok(); --left) {
      const Dot last = from.dot();
      s.retold.push_back({last, get_incarnation(from)});
    }
  }
  s.described = from.number();
  s.noted.load(from);
  for (auto left = from.count(3); left > 0 && from.ok(); --left) s.stability.arrived(from.dot());
  s.load_table(from);
  TRY_VOID(from.finish("saved region"));
  return loaded;
}

void Region::State::load_table(Reader& from) {
  for (auto left = from.count(); left > 0 && from.ok(); --left) {
    const KeyName key = get_key(from);
    const auto at = from.number_up_to(stability.arrivals(), "has a key from the future");
    if (table.find(key) != nullptr) from.defect("repeats a key");
    table.change(table.touch(key, at), [&](KeyEntry& entry) {
      KeyState& opened = entry.open();
      get_entry(from, opened);
      if (!from.ok()) return entry.clear();
      opened.weigh();
      entry.close();
    });
  }
}

std::vector<KeyName> Region::dropped(Keyspace& keyspace, std::uint64_t now_ms) const {
  std::vector<KeyName> found;
  // Of a list whose elements are removed, and of a key whose deadline waits for a write that revives it, there is
  // metadata too: nothing was dropped of those.
  const auto had_value = [&](const KeyState& state) {
    return state.contenders() > 0 || std::ranges::any_of(state.deadlines, [&](const auto& each) {
             return each.deadline <= now_ms;
           });
  };
  state_->table.for_each([&](const KeyEntry& entry) {
    const bool is_library = entry.key().db == kEveryDb;
    if (entry.empty() || is_library) return;
    entry.read([&](const KeyState& state) {
      if (had_value(state)) found.push_back(entry.key().owned());
    });
  });
  std::erase_if(found, [&](const auto& key) { return keyspace.type(key) != ValueType::kNone; });
  return found;
}

}  // namespace sluice::crdt
