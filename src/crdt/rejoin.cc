#include "crdt/rejoin.h"

#include <algorithm>

#include "base/check.h"
#include "crdt/take_over.h"

namespace sluice::crdt {

// What concerns a key that has been merged comes after that for all who will
// ever see it.
void Region::State::note_while_merging(const Op& op, std::uint32_t written, std::uint64_t now_ms) {
  if (std::holds_alternative<Leave>(op.effect) || std::holds_alternative<Return>(op.effect)) return;
  const bool is_of_one_key = !std::holds_alternative<Flush>(op.effect);
  const KeyName place = place_of(op);
  const Stamp stamp{Hlc{now_ms << 16U}, {{self.region, written}, 0}};
  if (!is_of_one_key || merging->merged.contains(place)) {
    merging->redo.push_back({op, stamp});
    return;
  }
  if (merging->merged_before.contains(place)) merging->redone_before[place].push_back({op, stamp});
  if (merging->is_sweeping && place.db != kEveryDb) merging->late.push_back(op.key);
}

// A follower has noted the native writes that a batch describes; whoever reads an AOF has not.
void Region::State::record_while_merging(const Op& op, std::uint64_t now_ms,
                                         std::uint64_t& noted_here) {
  const auto one = [&](const Op& write, std::uint32_t written) {
    if (noted_here > 0) return void(--noted_here);
    note_while_merging(write, written, now_ms);
  };
  if (const auto* const taken = std::get_if<TakeOver>(&op.effect)) {
    for (const Op& write : ops_of(*taken)) one(write, taken->former);
  } else if (is_native_write(op)) {
    one(op, self.incarnation);
  }
}

// Of an op of ours; of what was written during a merge only the life is known.
std::uint32_t Region::State::written_in(const Dot& op) const {
  if (op.seq == 0) return op.actor.incarnation;
  for (const Retold& part : retold)
    if (part.last.actor == op.actor && op.seq <= part.last.seq) return part.written;
  return op.actor.incarnation;
}

bool Region::State::was_told(const Stamp& stamp, std::uint32_t forgotten_return) const {
  return written_in(stamp.dot) < forgotten_return;
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
  loaded->merging.reset();
  loaded->tell_lists();  // their values come with it
  auto next = std::make_unique<Merging>();
  next->keeps_plain = wish.keeps_plain || !loaded->vector.covers(s.stability.forgotten());
  const Dot back{{s.self.region, loaded->departures[s.self.region].back}, 1};
  const bool has_returned = back.actor.incarnation != 0;
  if (has_returned && back.actor < s.self && !s.vector.covers(back)) {
    next->forgotten_return = back.actor.incarnation;
    next->keeps_plain = false;
  }
  next->peer = std::move(loaded);
  if (s.merging != nullptr) {
    next->keeps_plain =
        next->forgotten_return == 0 && (next->keeps_plain || s.merging->keeps_plain);
    next->merged_before = std::move(s.merging->merged_before);
    next->redone_before = std::move(s.merging->redone_before);
    s.merging->merged.for_each([&](const KeySet::Print& key) { next->merged_before.insert(key); });
    for (Surplus& left : s.merging->redo) {
      if (s.was_told(left.stamp, next->forgotten_return)) continue;
      if (!std::holds_alternative<Flush>(left.op.effect)) {
        auto& redone = next->redone_before[place_of(left.op)];
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
  return entry == nullptr || entry->empty() ? nullptr : &entry->open();
}

// Most often nothing is kept.
std::string encoded(const std::vector<Surplus>& kept) {
  Writer into;
  for (const Surplus& one : kept) encode_surplus(one, into);
  return into.take();
}

Result<std::vector<Surplus>> decoded(std::string_view bytes, const KeyName& place) {
  std::vector<Surplus> kept;
  Reader from(bytes);
  while (from.ok() && !from.at_end()) {
    kept.push_back(decode_surplus(from));
    if (place_of(kept.back().op) != place) from.defect("is of another key");
  }
  TRY_VOID(from.check("what a merge kept"));
  return kept;
}

}  // namespace

std::string Region::merge_key(const KeyName& key, const std::function<void()>& write,
                              Keyspace& keyspace, std::uint64_t now_ms) {
  State& s = *state_;
  CHECK(is_merging());
  Merging& merging = *s.merging;
  if (!merging.merged.insert(key)) return {};
  auto left = merging.merged_before.contains(key)
                  ? merging.take_redone(key)
                  : surplus_of({key, s.self.region, merging.peer->vector, merging.keeps_plain},
                               opened(s.table, key), keyspace);
  std::erase_if(
      left, [&](const Surplus& one) { return s.was_told(one.stamp, merging.forgotten_return); });
  // As they will be told: elements of a list are told by their places.
  std::ranges::stable_sort(left, {},
                           [&](const Surplus& one) { return s.written_in(one.stamp.dot); });
  keyspace.remove(key);
  write();
  const auto kept = s.redo(std::move(left), opened(merging.peer->table, key), keyspace, now_ms);
  if (KeyEntry* const entry = merging.peer->table.find(key)) entry->close();
  return encoded(kept);
}

Result<void> Region::follow_merge_key(const KeyName& key, std::string_view kept,
                                      const std::function<void()>& write, Keyspace& keyspace) {
  State& s = *state_;
  CHECK(is_merging());
  TRY(auto told, decoded(kept, key));
  if (!s.merging->merged.insert(key)) return {};
  (void)s.merging->take_redone(key);
  keyspace.remove(key);
  write();
  for (Surplus& one : told) s.redo(std::move(one), keyspace);
  return {};
}

namespace {

// The newest write of a library in `table` that `counts`.
template <typename Counts>
std::optional<Live> library_write(const SideTable& table, const KeyName& place, Counts counts) {
  KeyEntry* const compact = table.find(place);
  if (compact == nullptr) return std::nullopt;
  const Body* const body = compact->open().find(ValueType::kOther);
  const auto* const found = body == nullptr ? nullptr : body->elements.find("");
  std::optional<Live> newest;
  if (found != nullptr)
    found->read([&](const Element& element) {
      for (const Live& live : element.live)
        if (counts(live.stamp) && (!newest || newest->stamp < live.stamp)) newest = live;
    });
  compact->close();
  return newest;
}

}  // namespace

// Libraries are few, and whole values: of two the later one stays.
std::string Region::merge_library(const WriteLibrary& of_peer, std::string_view here,
                                  Keyspace& keyspace) {
  State& s = *state_;
  CHECK(is_merging());
  Merging& merging = *s.merging;
  const KeyName place{kEveryDb, of_peer.name};
  if (!merging.merged.insert(place)) return {};
  std::vector<Surplus> left;
  if (merging.merged_before.contains(place)) {
    left = merging.take_redone(place);
  } else {
    const auto is_ours = [&](const Stamp& stamp) {
      return stamp.dot.actor.region == s.self.region && !merging.peer->vector.covers(stamp.dot);
    };
    const auto is_any = [](const Stamp&) { return true; };
    if (const auto write = library_write(s.table, place, is_ours)) {
      left.push_back({{{}, WriteLibrary{of_peer.name, write->value.value_or("")}}, write->stamp});
    } else if (merging.keeps_plain && of_peer.code.empty() && !here.empty() &&
               !library_write(s.table, place, is_any)) {
      left.push_back({{{}, WriteLibrary{of_peer.name, std::string(here)}}, {}});
    }
  }
  std::vector<Surplus> kept;
  if (const auto ours = std::ranges::max_element(left, {}, &Surplus::stamp); ours != left.end()) {
    const auto theirs =
        library_write(merging.peer->table, place, [](const Stamp&) { return true; });
    if (theirs && theirs->stamp > ours->stamp) {
      s.lost_write(place, "", theirs->stamp, ours->stamp);
    } else {
      kept.push_back(std::move(*ours));
    }
  }
  s.take_library(of_peer, here, kept, keyspace);
  return encoded(kept);
}

Result<void> Region::follow_merge_library(const WriteLibrary& of_peer, std::string_view here,
                                          std::string_view kept, Keyspace& keyspace) {
  State& s = *state_;
  CHECK(is_merging());
  const KeyName place{kEveryDb, of_peer.name};
  TRY(const auto told, decoded(kept, place));
  if (!s.merging->merged.insert(place)) return {};
  (void)s.merging->take_redone(place);
  s.take_library(of_peer, here, told, keyspace);
  return {};
}

void Region::State::take_library(const WriteLibrary& of_peer, std::string_view here,
                                 const std::vector<Surplus>& kept, Keyspace& keyspace) {
  const auto& code =
      kept.empty() ? of_peer.code : std::get<WriteLibrary>(kept.back().op.effect).code;
  merging->redo.insert(merging->redo.end(), kept.begin(), kept.end());
  if (code != here) keyspace.write_library(of_peer.name, code);
}

bool Region::is_library_merged(const std::string& name) const {
  return is_merged({kEveryDb, name});
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
    KeyName key = std::move(late.front());
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

void Region::take_over_snapshot(std::uint32_t incarnation) {
  State& s = *state_;
  CHECK(is_merging());
  auto& redo = s.merging->redo;
  const auto written = [&](const Surplus& left) { return s.written_in(left.stamp.dot); };
  std::ranges::stable_sort(redo, {}, written);
  std::vector<State::Retold> retold;
  for (Seq seq = 1; const Surplus& left : redo) {
    if (retold.empty() || retold.back().written != written(left))
      retold.push_back({{{s.self.region, incarnation}, 0}, written(left)});
    retold.back().last.seq = ++seq;
  }
  state_ = s.merging->peer->taken_over_by(s);
  state_->retold = std::move(retold);
  Departure& ours = state_->departures[state_->self.region];
  if (ours.has_left()) ours = {.leaves = {}, .returns = {}, .wanted = {}, .back = incarnation};
}

Hlc Region::finish_merge(std::uint32_t incarnation) {
  CHECK(!state_->follows);
  take_over_snapshot(incarnation);
  state_->begin_incarnation(incarnation);
  state_->holds_back = true;
  return state_->base;
}

void Region::follow_finish_merge(std::uint32_t incarnation, Hlc base) {
  CHECK(state_->follows);
  take_over_snapshot(incarnation);
  state_->self.incarnation = incarnation;
  state_->base = base;
}

bool Region::holds_back() const {
  return state_->holds_back;
}

void Region::tell_all() {
  state_->holds_back = false;
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
