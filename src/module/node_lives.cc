// A server becomes master or replica, loads and saves: when a region begins anew, and with what.
#include <algorithm>
#include <utility>

#include "module/command_words.h"
#include "module/node.h"
#include "module/saved_state.h"

namespace sluice::module {

namespace {

// 2026-01-01T00:00:00Z. Incarnations are counted in steps of 50 ms from there: 6.8 years in 32 bits.
constexpr std::uint64_t kIncarnationEpochMs = 1'767'225'600'000;
constexpr std::uint64_t kIncarnationStepMs = 50;
// A master without the module that has handed over to us by FAILOVER tells its clients so for as long.
constexpr std::uint64_t kFarewellMs = 30'000;
// Of a write that is later than all that is known, and no later than it has to be.
constexpr std::uint64_t kNoTime = 0;

}  // namespace

void Node::begin(Ctx* ctx) {
  key_counts_.begin();
  is_master_ = (api::GetContextFlags(ctx) & kFlagMaster) != 0;
  if (!is_master_) return look_whether_master_is_plain();
  part_at_ms_ = 0;
  begin_incarnation();
  note_plain_data(ctx);
}

// Strictly above every incarnation of this region that is known here, and above those that are not, as
// long as no two lives begin within one step.
void Node::begin_incarnation() {
  region_->begin_incarnation(next_incarnation());
}

std::uint32_t Node::next_incarnation() const {
  const std::uint64_t now = now_ms();
  auto incarnation = static_cast<std::uint32_t>(
      now > kIncarnationEpochMs ? (now - kIncarnationEpochMs) / kIncarnationStepMs : 1);
  incarnation = std::max(incarnation, region_->self().incarnation + 1);
  for (const auto& dot : region_->vector().entries()) {
    if (dot.actor.region == config_.id) {
      incarnation = std::max(incarnation, dot.actor.incarnation + 1);
    }
  }
  return incarnation;
}

// The new life is told at the end of this turn. Not here: what a module replicates within REPLICAOF makes the server
// put REPLICAOF itself into its AOF and its stream.
void Node::become_master() {
  if (is_master_) return;
  is_master_ = true;
  merge_.end();  // it was the former master's
  is_aof_begun_ = false;
  if (std::exchange(is_plain_, false)) part_at_ms_ = steady_ms() + kFarewellMs;
  begin_incarnation();
}

void Node::become_replica() {
  is_master_ = false;
  region_->follow();
  forget_promises();
  look_whether_master_is_plain();
}

void Node::reset() {
  region_ = std::make_unique<crdt::Region>(config_.id, config_.limits);
  positions_ = {};
  outbox_.clear();
  retained_.clear();
  retained_bytes_ = 0;
  unrecorded_.clear();
  forget_promises();
  end_adoption();
}

void Node::loading(Ctx* ctx, std::uint64_t step) {
  switch (step) {
    case kLoadingRdb:
    case kLoadingAof:
    case kLoadingRepl: {
      // DEBUG RELOAD: the stream has native writes already that these describe.
      if (is_master_ && has_turned_) cut_batches(crdt::Turn::kEnds);
      auto unsent = std::exchange(outbox_, {});
      reset();
      if (is_master_ && has_turned_) outbox_ = std::move(unsent);
      // Until there is a state of ours: an AOF may have been begun before the module.
      region_->begin_adoption();
      is_loading_ = true;
      has_loaded_state_ = false;
      tail_.reset();
      is_tail_noted_ = false;
      // Else all that is in it has been noted (DEBUG LOADAOF).
      if (step == kLoadingAof && !has_turned_) look_for_tail(ctx);
      return;
    }
    case kLoadingEnded:
    case kLoadingFailed:
      is_loading_ = false;
      merge_.end();
      key_counts_.begin();
      if (is_master_) {
        begin_incarnation();
        part_at_ms_.reset();
        if (!has_loaded_state_) {
          part_at_ms_ = 0;
          note_plain_data(ctx);
        }
        note_unrecorded(ctx);
        note_dropped(ctx);
      } else {
        look_whether_master_is_plain();
      }
      if (!adoption_.is_due()) region_->end_adoption();
      if (is_plain_) unrecorded_.clear();  // to be told with all the rest
      return;
    default:
      return;
  }
}

namespace {

std::uint64_t keys_expired_while_loading(Ctx* ctx) {
  RedisModuleServerInfoData* info = api::GetServerInfo(ctx, "persistence");
  const char* text = api::ServerInfoGetFieldC(info, "rdb_last_load_keys_expired");
  const std::uint64_t keys = text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
  api::FreeServerInfo(ctx, info);
  return keys;
}

}  // namespace

// Keys whose deadline had passed when an RDB was loaded, which the server then drops without a word.
void Node::note_dropped(Ctx* ctx) {
  const RedisKeyspace::Use use(keyspace_, ctx);
  const auto dropped = region_->dropped(keyspace_, now_ms());
  for (const auto& key : dropped) note({{.key = key, .effect = crdt::RemoveKey{.expired = true}}});
  if (keys_expired_while_loading(ctx) > dropped.size()) region_->may_lack_keys();
}

// Native writes at the end of an AOF whose batch was not written any more. A replica may yet get it from its master, or
// be promoted without. They are as old as the end of that AOF, however long ago that is: what others have written since,
// or have of what the AOF lost, is later.
void Node::note_unrecorded(Ctx* ctx) {
  const RedisKeyspace::Use use(keyspace_, ctx);
  for (const auto& key : std::exchange(unrecorded_, {})) {
    ops_.clear();
    Observer::whole_value(key, keyspace_, ops_);
    for (const auto& op : ops_) region_->note(op, keyspace_, kNoTime);
    ++retold_keys_;
  }
}

void Node::async_loading(std::uint64_t step) {
  if (step == kAsyncLoadStarted) {
    is_async_loading_ = true;
    loaded_.reset();
    return;
  }
  is_async_loading_ = false;
  key_counts_.begin();
  if (step != kAsyncLoadCompleted) return;
  reset();
  if (const auto bytes = std::exchange(loaded_, std::nullopt)) (void)load(*bytes);
  look_whether_master_is_plain();
}

std::string Node::save() {
  end_doing(true);
  cut_batches(crdt::Turn::kGoesOn);
  SavedState state{.region = region_->save(),
                   .batches = {},
                   .positions = positions_.all(),
                   .has_plain_data = adoption_.is_due(),
                   .unsent = outbox_.size()};
  for (const auto& [last, batch] : retained_) state.batches.push_back(batch);
  state.batches.insert(state.batches.end(), outbox_.begin(), outbox_.end());
  return encode(state);
}

std::string Node::vector_bytes() const {
  crdt::Writer bytes;
  const auto entries = region_->vector().entries();
  bytes.number(entries.size());
  for (const auto& dot : entries) bytes.dot(dot);
  return bytes.take();
}

Result<void> Node::load(std::string_view bytes) {
  if (is_async_loading_) {
    loaded_ = std::string(bytes);
    return {};
  }
  TRY(auto state, decode_saved_state(bytes));
  TRY_VOID(region_->load(state.region));
  has_loaded_state_ = true;
  if (state.has_plain_data) begin_adoption();
  positions_.replace(std::move(state.positions));
  const auto sent = state.batches.size() - state.unsent;
  for (std::size_t at = 0; at < state.batches.size(); ++at) {
    auto& batch = state.batches[at];
    if (at < sent) {
      retain(std::move(batch));
    } else if (std::ranges::find(outbox_, batch) == outbox_.end()) {
      outbox_.push_back(std::move(batch));
    }
  }
  return {};
}

}  // namespace sluice::module
