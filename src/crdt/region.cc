#include "crdt/region.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "crdt/region_state.h"
#include "crdt/rejoin.h"
#include "crdt/take_over.h"

namespace sluice::crdt {

Region::Region(RegionId id, RegionLimits limits) : state_(std::make_unique<State>(id, limits)) {
  CHECK(id >= 1 && id <= kRegionIdMax);
}

Region::~Region() = default;

void Region::begin_incarnation(std::uint32_t incarnation) {
  state_->begin_incarnation(incarnation);
}

void Region::follow() {
  state_->take_back_unflushed();
  state_->noted.clear();
  state_->holds_back = false;
  state_->follows = true;
}

bool Region::is_following() const {
  return state_->follows;
}

Actor Region::self() const {
  return state_->self;
}

bool Region::has_just_noted(const Flush& flush) const {
  const auto ops = state_->noted.ops();
  if (!state_->follows || ops.size() <= state_->described) return false;
  const auto* const last = std::get_if<Flush>(&ops.back().effect);
  return last != nullptr && last->db == flush.db;
}

bool Region::knows(const KeyName& key) const {
  const KeyEntry* const entry = state_->table.find(key);
  return entry != nullptr && !entry->empty();
}

void Region::begin_adoption() {
  if (!state_->told_lists) state_->told_lists.emplace();
}

void Region::end_adoption() {
  state_->told_lists.reset();
  state_->table.queue_those_set_aside();
}

void Region::may_lack_keys() {
  state_->may_lack_keys = true;
}

bool Region::has_unflushed() const {
  return !state_->follows && !state_->noted.empty();
}

void Region::set_promise(const VersionVector& safe) {
  state_->safe = safe;
}

void Region::announce_again() {
  state_->told_promise = state_->announced_context = state_->announced_promise = {};
}

std::optional<std::string> Region::flush(std::uint64_t now_ms, Turn turn) {
  State& s = *state_;
  if (s.follows || s.holds_back) return std::nullopt;
  s.clock_ms = now_ms;
  const auto count = s.noted.next_count();
  auto header = s.next_header(count);
  const bool goes_on = count > 0 && turn == Turn::kGoesOn;
  header.more |= goes_on;
  if (s.notes_old) header.hlc = header.base = kOldHlc;
  const bool calls = s.calls(now_ms);
  if (count == 0 && !calls) {
    const auto is_told = [](const VersionVector& told) {
      return [&](const Dot& dot) { return told.covers(dot); };
    };
    const bool may_announce = now_ms < s.announced_ms ||  // the clock was set back
                              now_ms >= s.announced_ms + s.limits.announce_interval_ms;
    if (!may_announce || (std::ranges::all_of(header.promise, is_told(s.announced_promise)) &&
                          std::ranges::all_of(header.context, is_told(s.announced_context))))
      return std::nullopt;
  }
  if (calls || !header.promise.empty() || !header.context.empty()) s.announced_ms = now_ms;
  Writer bytes;
  encode_header(header, bytes);
  bytes.raw(s.noted.next_bytes());
  s.noted.pop_next();
  s.announced(header);
  if (count > 0 && !header.more && !s.notes_old) s.stream_has(header.hlc);
  if (s.noted.empty()) {
    s.arrival = 0;
    s.notes_old = false;
  }
  return bytes.take();
}

Result<Outcome> Region::apply(std::string_view bytes, Keyspace& keyspace, std::uint64_t now_ms,
                              Sums sums) {
  TRY(const Batch batch, decode_batch(bytes));
  return apply(batch, keyspace, now_ms, sums);
}

Result<Outcome> Region::apply(const Batch& batch, Keyspace& keyspace, std::uint64_t now_ms,
                              Sums sums) {
  CHECK(!has_unflushed());
  const BatchHeader& header = batch.header;
  if (is_half_merged()) return Outcome(MergeUnderWay{});
  if (!is_following() && header.actor == self() &&
      header.first + header.count > state_->vector.at(self()) + 1)
    return fail(Errc::kRejected, "batch is of this very incarnation, which did not make it");
  state_->sums_may_wait = sums == Sums::kWait;
  auto outcome = state_->apply(batch, keyspace, now_ms);
  if (sums == Sums::kShow) show_sums(keyspace);
  return outcome;
}

void Region::show_sums(Keyspace& keyspace) {
  if (state_->late_sums.empty()) return;
  for (const auto& [key, sums] : state_->late_sums.take_all())
    state_->show_sums(key, sums, keyspace);
}

Result<void> Region::record(std::string_view bytes, Keyspace& /*keyspace*/,
                            std::uint64_t /*now_ms*/) {
  TRY(const Batch batch, decode_batch(bytes));
  return state_->record(batch);
}

Result<void> Region::State::record(const Batch& batch) {
  State& s = *this;
  const BatchHeader& header = batch.header;
  if (header.actor.region != s.self.region)
    return fail(Errc::kRejected, "batch was not made in this region");
  if (header.actor != s.self) {
    if (header.first != 1) return fail(Errc::kRejected, "batch does not begin its incarnation");
    s.take_back_unflushed();
    s.self = header.actor;
    s.flushed = 0;
    s.told_context = s.told_promise = s.announced_context = s.announced_promise = {};
  }
  if (header.first != s.flushed + 1) return fail(Errc::kRejected, "batch is not the next one");
  auto here = s.vector.at(s.self);
  auto noted_here = s.noted.size() - std::min<std::uint64_t>(s.described, s.noted.size());
  const auto last = header.first + header.count - 1;
  if (here < last) {
    const auto at = s.stability.arrived({s.self, last});
    for (; here < last; ++here) {
      const Op& op = batch.ops[here + 1 - header.first];
      if (const auto* const taken = std::get_if<TakeOver>(&op.effect)) s.note_taken(*taken);
      if (s.merging != nullptr) s.record_while_merging(op, header.hlc.wall_ms(), noted_here);
      s.note_into_table(op, stamp_of(header, op.effect, {s.self, here + 1}), at);
      ++s.counts.local_ops;
    }
    s.vector.advance({s.self, last});
  }
  s.announced(header);
  if (header.count == 0 || tells_of_old(header)) return {};
  s.described += native_writes(batch);
  if (!header.more || s.described >= s.noted.size()) {
    s.described = 0;
    s.noted.clear();
  }
  if (header.more) {
    s.see(header.hlc);
    s.base = header.base;
  } else {
    s.stream_has(header.hlc);
  }
  return {};
}

std::uint64_t Region::compare_noted(std::string_view bytes) {
  State& s = *state_;
  const auto header = decode_header(bytes);
  if (!header || header->count == 0 || tells_of_old(*header) || s.noted.empty()) return 0;
  if (s.described == 0 && !header->more && s.noted.size() == header->count &&
      bytes.ends_with(s.noted.next_bytes()))
    return 0;
  const auto batch = decode_batch(bytes);
  return batch ? s.compare_noted(*batch) : 0;
}

const std::string& Region::misnoted() const {
  return state_->misnoted;
}

void Region::skip(const BatchHeader& header) {
  if (header.count > 0 && !header.more) state_->stream_has(header.hlc);
}

void Region::join(RegionId peer, std::uint64_t now_ms) {
  State& s = *state_;
  const Departure& left = s.departures[peer];
  const bool is_self = peer == s.self.region;
  if (!left.has_left()) return is_self ? void() : s.stability.join(peer);
  if (is_self && !s.follows) s.expelled_by.reset();
  if (!s.follows && !left.is_returning()) s.note_member(Return{peer}, now_ms);
}

void Region::detach(RegionId region, std::uint64_t now_ms) {
  State& s = *state_;
  const bool is_leaving = s.departures[region].has_left() && !s.departures[region].is_returning();
  const bool has_a_say = region == s.self.region ? !s.departures[region].has_left() : s.has_a_say();
  const bool would_leave_nobody = (s.staying() & ~(1ULL << region)) == 0;
  if (s.follows || is_leaving || !has_a_say || would_leave_nobody) return;
  s.note_leave(region, now_ms);
}

bool Region::lacks(const Dot& op) const {
  const State& s = *state_;
  const Departure& maker = s.departures[op.actor.region];
  if (s.vector.covers(op)) return false;
  return maker.wanted.covers(op) || (!maker.has_left() && op.actor.incarnation >= maker.back);
}

bool Region::must_rejoin() const {
  return state_->expelled_by || state_->departures[state_->self.region].has_left() ||
         is_half_merged();
}

std::vector<RegionId> Region::peers() const {
  return state_->stability.peers();
}

std::vector<RegionId> Region::detached() const {
  std::vector<RegionId> regions;
  for (RegionId region = 1; region <= kRegionIdMax; ++region)
    if (state_->departures[region].has_left()) regions.push_back(region);
  return regions;
}

bool Region::collect(std::uint64_t entries_max) {
  State& s = *state_;
  s.leave_as_told();
  s.stay_after_all();
  for (RegionId peer = 1; !s.follows && peer <= kRegionIdMax; ++peer)
    if (s.may_be_back_unseen(peer)) detach(peer, s.newest.wall_ms());
  const auto prune = [&] {
    const auto arrival = s.advance();
    return s.table.prune({s.stability.forgotten(), arrival, s.told_lists.has_value()}, entries_max);
  };
  bool is_more = prune();
  // Who holds back the rest leaves only once all that is stable has gone.
  for (auto left = entries_max; left > 0 && !is_more; --left) {
    if (s.table.bytes() <= s.limits.unstable_bytes_max) break;
    if (const auto peer = s.hindmost()) {
      detach(*peer, s.newest.wall_ms());
      if (s.follows || !s.stability.is_detached(*peer)) break;
    } else if (s.stability.peers().empty() && s.stability.arrivals() > 0 && s.staying() != 0) {
      s.stability.skip();
    } else {
      break;
    }
    is_more = prune();
  }
  return is_more;
}

const VersionVector& Region::vector() const {
  return state_->vector;
}
VersionVector Region::promised_by(RegionId peer) const {
  return state_->stability.promised_by(peer);
}
VersionVector Region::stable() const {
  return state_->stability.stable(state_->vector);
}

const RegionStats& Region::counts() const {
  return state_->counts;
}

std::uint64_t Region::stats_bytes() const {
  return state_->table.bytes();
}

std::uint64_t Region::unstable_keys() const {
  return state_->table.size();
}

RegionStats Region::stats() const {
  auto stats = state_->counts;
  stats.unstable_keys = state_->table.size();
  stats.unstable_entries = state_->table.entries();
  stats.unstable_bytes = state_->table.bytes();
  return stats;
}

std::vector<Conflict> Region::recent_conflicts() const {
  return {state_->conflicts.begin(), state_->conflicts.end()};
}

std::uint64_t Region::heard_ms(RegionId peer) const {
  return state_->heard_ms[peer];
}

}  // namespace sluice::crdt
