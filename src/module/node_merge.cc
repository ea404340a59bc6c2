// A node's part in joining by a peer's snapshot, and in telling of what was here before the module.
#include <algorithm>

#include "module/command_words.h"
#include "module/node.h"

namespace sluice::module {

namespace {

// Data from before the module are told as fast as others promise them: no more of them wait than this.
constexpr std::uint64_t kAdoptedUnstableBytesMax = std::uint64_t{64} << 20U;

}  // namespace

void MergeProgress::begin(std::string_view from, unsigned long long by, std::uint64_t now_ms) {
  source = from;
  client = by;
  touched_ms = now_ms;
  is_swept = false;
  sweep.restart();
}

void Node::begin_adoption() {
  adoption_.begin();
  region_->begin_adoption();
}

void Node::end_adoption() {
  adoption_.end();
  region_->end_adoption();
}

// Keys that are here although no state of ours came with them were written before there was a module.
void Node::note_plain_data(Ctx* ctx) {
  KeySweep sweep;
  bool has_keys = false;
  while (!has_keys && sweep.next(ctx, 1, [&](const crdt::KeyName&) { has_keys = true; })) {
  }
  if (has_keys) begin_adoption();
}

// A master with the module has told of its life before anybody follows it.
void Node::look_whether_master_is_plain() {
  const auto known = region_->vector().entries();
  is_plain_ = !is_master_ && std::ranges::none_of(known, [&](const crdt::Dot& dot) {
    return dot.actor.region == config_.id;
  });
  if (is_plain_) begin_adoption();
}

// A replica that followed before there was a module here would go on from where it was, and drop each transaction that
// has a batch in it. With another replid nobody can: replicas with the module take our snapshot, others end by it.
void Node::part_with_plain_replicas(Ctx* ctx) {
  part_at_ms_.reset();
  const CallReply renamed(api::Call(ctx, "DEBUG", "c", "CHANGE-REPL-ID"));
  if (renamed.failed()) {
    api::Log(ctx, "warning",
             "sluice-geo: DEBUG CHANGE-REPL-ID is not to be had here: stop replicas without the "
             "module yourself, for they lose transactions");
  }
  const CallReply gone(api::Call(ctx, "CLIENT", "ccc", "KILL", "TYPE", "replica"));
}

// Who has not been heard may be told to rejoin: the snapshot then keeps what was here before the module, and what would
// have been told already came twice.
bool Node::is_heard_by_all() const {
  const auto peers = region_->peers();
  return !peers.empty() && std::ranges::all_of(peers, [&](const crdt::RegionId peer) {
    return region_->promised_by(peer).at(region_->self()) > 0;
  });
}

void Node::adopt(Ctx* ctx) {
  const bool may = is_heard_by_all() && !region_->must_rejoin() && !region_->is_half_merged() &&
                   region_->stats_bytes() <
                       std::min(kAdoptedUnstableBytesMax, config_.limits.unstable_bytes_max / 2);
  if (!may || has_unsent()) return;
  const RedisKeyspace::Use use(keyspace_, ctx);
  const Quiet quiet(*this);
  auto portion = adoption_.next(ctx, *region_, keyspace_);
  for (auto& op : portion.old_ops) region_->note_old(std::move(op), keyspace_);
  cut_batches(crdt::Turn::kGoesOn);
  note(portion.writes);
  flush(ctx);
  if (!portion.is_last) return;
  end_adoption();
  api::Replicate(ctx, "geo.merge", "c", "ADOPTED");
}

std::string Node::merge_under_way() const {
  const bool is_silent = steady_ms() >= merge_.touched_ms + kMergeSilenceMaxMs;
  return !region_->is_merging() || is_silent ? "nobody" : merge_.source;
}

void Node::merged() {
  retained_.clear();
  retained_bytes_ = 0;
  outbox_.clear();
  forget_promises();
  promise();
  merge_.end();
  end_adoption();
}

// As apply() leaves it: clients that wait for the lists are served next, and deadlines that have passed are set once the
// step is done.
void Node::has_merged(const std::vector<crdt::KeyName>& keys) {
  has_past_ = true;
  for (const auto& key : keys)
    if (keyspace_.type(key) == crdt::ValueType::kList)
      observer_.list_became(key, keyspace_.list_length(key));
  keyspace_.set_late_deadlines();
}

}  // namespace sluice::module
