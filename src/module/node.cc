#include "module/node.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "crdt/batch.h"
#include "module/command_table.h"
#include "module/command_words.h"
#include "module/selected_db.h"

namespace sluice::module {

namespace {

constexpr std::uint64_t kTickMs = 100;
// Until commands that a pause held up have run.
constexpr std::uint64_t kAfterPauseMs = 1000;
// A turn forgets more keys than it writes, so that what is stable is gone soon; in idle times ticks do the rest.
constexpr std::uint64_t kCollectedPerOp = 2, kCollectedPerTick = 5'000;
constexpr std::size_t kRetainedBytesMax = std::size_t{64} << 20U;

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
Node* the_node = nullptr;

// Never destroyed: the module is not unloaded, and at the server's end the memory goes as a whole.
void make_node(Config config, ReadFile read_file) {
  delete std::exchange(the_node, new Node(std::move(config), read_file));
}

Node::Node(Config config, ReadFile read_file)
    : config_(std::move(config)),
      read_file_(read_file),
      region_(std::make_unique<crdt::Region>(config_.id, config_.limits)) {}

// --- commands as they come -------------------------------------------------------------------------

void Node::filter_write(RedisModuleCommandFilterCtx* command, std::string_view name) {
  const CommandRule* const found = find_rule(name);
  if (!unknown_writes_.empty() && (found == nullptr || is_container(*found)) &&
      is_unknown(command, name)) {
    return refuse_unknown(command);
  }
  if (found == nullptr) {
    if (is_word(name, "multi")) stash_.multi_begins();
    return;
  }
  const CommandRule& rule = *found;
  has_past_ = true;
  // While clients are paused it waits too; from Redis 7.2 on no filter sees it again when it runs.
  if (api::AvoidReplicaTraffic() != 0) stash_.multi_begins();
  if (std::exchange(must_look_, rule.handling != Handling::kArguments)) key_counts_.look_at_few();
  const auto words = static_cast<std::size_t>(api::CommandFilterArgsCount(command));
  if (rule.handling == Handling::kEvent || rule.handling == Handling::kLocal ||
      !has_arity(rule, words)) {
    return;
  }
  switch (rule.handling) {
    case Handling::kArguments:
      stash_.remember(command, rule.name, words);
      break;
    case Handling::kReplaced:
      replace(command, rule.name);
      break;
    case Handling::kSometimes:
      stash_.remember(command, rule.name, words);
      if (must_replace(rule, stash_.words())) {
        stash_.forget();
        replace(command, rule.name);
      }
      break;
    case Handling::kRefused:
      if (is_master_) replace(command, rule.name);
      break;
    case Handling::kEvent:
    case Handling::kLocal:
      break;
  }
}

void Node::replace(RedisModuleCommandFilterCtx* command, std::string_view name) {
  const std::string replacement = "geo." + std::string(name);
  api::CommandFilterArgReplace(command, 0,
                               api::CreateString(nullptr, replacement.data(), replacement.size()));
}

// A replica does what its master did.
bool Node::is_unknown(RedisModuleCommandFilterCtx* command, std::string_view name) const {
  if (!is_master_) return false;
  const bool has_second = api::CommandFilterArgsCount(command) > 1;
  return unknown_writes_.contains(
      name, has_second ? bytes_of(api::CommandFilterArgGet(command, 1)) : std::string_view());
}

void Node::refuse_unknown(RedisModuleCommandFilterCtx* command) {
  const std::string_view name = kRefuseUnknown;
  api::CommandFilterArgInsert(command, 0, api::CreateString(nullptr, name.data(), name.size()));
}

// --- writes as they happen ---------------------------------------------------------------------------

void Node::observe(Ctx* ctx, int type, const char* event, String* name) {
  const bool may_be_multi = is_loading_ || stash_.is_multi_open();
  const auto db =
      static_cast<std::uint32_t>(may_be_multi ? selected_db(ctx) : api::GetSelectedDb(ctx));
  const bool creates = key_counts_.has_grown(ctx, db);
  if (keyspace_.is_writing()) return;
  if (is_loading_ && !is_running_tail_) {
    if (!is_tail_noted_) unrecorded_.insert({db, std::string(bytes_of(name))});
    return;
  }
  if (is_plain_) return;
  // The server sends its DEL after the event: what was applied before stands before that in the stream.
  if (type == kNotifyExpired && before_expiry_ != nullptr && *before_expiry_) (*before_expiry_)();
  if (type == kNotifyExpired && keyspace_.was_foretold({db, std::string(bytes_of(name))})) return;
  if (quiet_ > 0 && type != kNotifyExpired) return void(++quiet_events_);
  has_past_ = true;
  const auto found = quiet_ == 0 ? stash_.command_of(name, type) : Stash::Found();
  const auto words = found.words;
  const crdt::KeyView key(db, words.empty() ? bytes_of(name) : words[found.key]);
  crdt::OneWrite one{.key = key, .creates = creates};
  if (observer_.observe_one(event, words, one)) return region_->note(one, begin_to_note());
  const RedisKeyspace::Use use(keyspace_, ctx, db);
  key_.db = key.db;
  key_.name.assign(key.name);
  ops_.clear();
  observer_.observe({event, key_, words, creates}, keyspace_, ops_);
  note(ops_);
  key_counts_.look_at(db);  // no event told in here that a key has gone by its deadline
}

void Node::note(const Observer::Ops& ops) {
  if (is_plain_) return;
  for (const auto& op : ops) {
    region_->note(op, keyspace_, begin_to_note());
    tell_list_length(op);
  }
}

void Node::end_doing(bool is_done) {
  const auto op = std::exchange(under_way_, std::nullopt);
  if (op && is_done) note({*op});
}

// For the events of clients that wait for the list and are served next.
void Node::tell_list_length(const crdt::Op& op) {
  if (!std::holds_alternative<crdt::InsertElements>(op.effect) &&
      !std::holds_alternative<crdt::RemoveElements>(op.effect)) {
    return;
  }
  if (keyspace_.type(op.key) == crdt::ValueType::kList) {
    has_past_ = true;
    observer_.list_became(op.key, keyspace_.list_length(op.key));
  }
}

// The time of this turn.
std::uint64_t Node::begin_to_note() {
  if (turn_ms_ == 0) turn_ms_ = now_ms();
  if (is_master_ && is_asleep_ && !is_armed_) {
    is_armed_ = true;
    api::EventLoopAddOneShot([](void*) {}, nullptr);
  }
  return turn_ms_;
}

// --- the event loop ------------------------------------------------------------------------------------

void Node::before_sleep(Ctx* ctx) {
  has_turned_ = true;
  forget_past();
  if (!is_loading_ && !is_async_loading_) {
    if (is_master_ && !unrecorded_.empty()) note_unrecorded(ctx);
    const std::uint64_t now = steady_ms();
    const bool is_due = now >= next_tick_ms_;
    if (is_due) {
      next_tick_ms_ = now + kTickMs;
      tick(ctx);
    }
    // The tick's batch may be empty: it announces what is promised.
    if (is_master_ && (is_due || has_unsent())) flush(ctx);
    if (is_master_ && is_due) remember_what_is_sent();
    if (is_master_ && is_due) look_at_aof(ctx);
    if (is_master_ && is_due) look_at_return(ctx);
    forget(ctx, is_due);
    if (is_master_ && is_due && adoption_.is_due()) adopt(ctx);
  }
  is_asleep_ = true;
}

void Node::after_sleep() {
  is_asleep_ = false;
  is_armed_ = false;
  turn_ms_ = 0;
}

void Node::tick(Ctx* ctx) {
  if (api::AvoidReplicaTraffic() != 0) next_look_ms_ = steady_ms() + kAfterPauseMs;
  if (stash_.is_multi_open() && steady_ms() >= next_look_ms_) look_for_multi(ctx);
  if (is_master_) promise_what_replicas_have(ctx);
  tell_departures(ctx);
  drop_stable_retained();
}

// It may tell somebody to leave: by a batch of its own, so not while none may be cut.
void Node::forget(Ctx* ctx, bool is_due) {
  if (!flush_all(ctx)) return;
  // What is forgotten looks like data from before the module, which a merge would tell once more.
  if (adoption_.is_due() && !is_heard_by_all() &&
      region_->stats_bytes() < config_.limits.unstable_bytes_max)
    return;
  const auto& counts = region_->counts();
  const auto ops = counts.local_ops + counts.remote_ops;
  const auto before = std::exchange(ops_before_, ops);
  if (ops > before) {
    region_->collect(kCollectedPerOp * (ops - before));
  } else if (is_due) {
    region_->collect(kCollectedPerTick);
  }
  flush_all(ctx);
}

void Node::cut_batches(crdt::Turn turn) {
  while (auto batch = region_->flush(now_ms(), turn)) outbox_.push_back(std::move(*batch));
}

bool Node::flush(Ctx* ctx, const Before& before) {
  // While clients are paused for a failover, the stream has to stand still; and no batch is cut, since what no
  // batch describes is noted anew by whoever takes over.
  if (api::AvoidReplicaTraffic() != 0) return false;
  if (part_at_ms_ && steady_ms() >= *part_at_ms_) part_with_plain_replicas(ctx);
  cut_batches(crdt::Turn::kEnds);
  if (before && (must_resend_ || !outbox_.empty())) before();
  if (must_resend_) {
    must_resend_ = false;
    for (const auto& [last, batch] : retained_) {
      api::Replicate(ctx, "geo.ops", "bA", batch.data(), batch.size());
    }
  }
  for (auto& batch : outbox_) {
    api::Replicate(ctx, "geo.ops", "b", batch.data(), batch.size());
    retain(std::move(batch));
  }
  outbox_.clear();
  return !region_->holds_back();
}

bool Node::flush_all(Ctx* ctx, const Before& before) {
  const bool has_any = is_master_ && !is_loading_ && has_unsent();
  return !has_any || flush(ctx, before);
}

// A log that begins with a snapshot lacks the batches before it. Those that some region may not have yet
// are sent again to whoever begins to follow us, so that links seldom need the snapshot itself.
void Node::retain(std::string batch) {
  const auto header = crdt::decode_header(batch);
  if (!header || header->count == 0) return;
  retained_bytes_ += batch.size();
  retained_.emplace_back(crdt::Dot{header->actor, header->first + header->count - 1},
                         std::move(batch));
  while (retained_bytes_ > kRetainedBytesMax) drop_oldest_retained();
}

// So are those before it.
void Node::is_in_stream(const crdt::BatchHeader& batch) {
  const auto is_before = [&](const std::string& unsent) {
    const auto header = crdt::decode_header(unsent);
    if (!header || header->actor < batch.actor) return true;
    return header->actor == batch.actor &&
           header->first + header->count <= batch.first + batch.count;
  };
  while (!outbox_.empty() && is_before(outbox_.front())) {
    retain(std::move(outbox_.front()));
    outbox_.pop_front();
  }
}

void Node::drop_oldest_retained() {
  retained_bytes_ -= retained_.front().second.size();
  retained_.pop_front();
}

void Node::drop_stable_retained() {
  if (retained_.empty() || region_->peers().empty()) return;
  const auto stable = region_->stable();
  while (!retained_.empty() && stable.covers(retained_.front().first)) drop_oldest_retained();
}

// Whoever has a MULTI open has an x among its flags. (Its "multi" tells nothing: Valkey 9 says 0 of who has ever had one.)
void Node::look_for_multi(Ctx* ctx) {
  const CallReply reply(api::Call(ctx, "CLIENT", "c", "LIST"));
  if (reply.failed()) return;
  const auto list = bytes_of(reply.get());
  next_look_ms_ = steady_ms() + kTickMs + list.size() / 1000;
  constexpr std::string_view kField = " flags=";
  for (auto at = list.find(kField); at != std::string_view::npos; at = list.find(kField, at + 1)) {
    const auto flags = list.substr(at + kField.size(), list.find(' ', at + 1) - at - kField.size());
    if (flags.find('x') != std::string_view::npos) return;
  }
  stash_.no_multi_is_open();
}

// --- batches -----------------------------------------------------------------------------------------------

Result<crdt::Outcome> Node::apply(Ctx* ctx, std::string_view bytes, const Before& before) {
  TRY(const auto batch, crdt::decode_batch(bytes));
  const RedisKeyspace::Use use(keyspace_, ctx);
  // On a replica and from an AOF the master has judged its clock already.
  const bool is_judged = !is_master_ || is_loading_;
  const std::uint64_t now = is_judged ? std::max(now_ms(), batch.header.hlc.wall_ms()) : now_ms();
  std::vector<crdt::Op> left;  // by a life that was cut off, told by the next: they are applied too
  for (const auto& op : batch.ops)
    if (const auto* const taken = std::get_if<crdt::TakeOver>(&op.effect))
      std::ranges::move(crdt::ops_of(*taken), std::back_inserter(left));
  const auto each_op = [&](const auto& visit) {
    std::ranges::for_each(batch.ops, visit);
    std::ranges::for_each(left, visit);
  };
  if (is_master_ && !is_loading_) {
    // A deadline that passed must be noted before, not in the middle of the merge.
    const crdt::KeyName* last = nullptr;
    before_expiry_ = &before;
    each_op([&](const crdt::Op& op) {
      if (const auto* flushed = std::get_if<crdt::Flush>(&op.effect)) {
        keyspace_.expire_all_due(flushed->db);
      } else if (last == nullptr || *last != op.key) {
        keyspace_.expire_if_due(op.key);
      }
      last = &op.key;
    });
    before_expiry_ = nullptr;
    if (!flush(ctx, before) && region_->has_unflushed())
      return fail(Errc::kBusy, std::string(why_undisturbed()));
  }
  const Quiet quiet(*this);
  each_op([&](const crdt::Op& op) { key_counts_.use(op.key.db); });
  auto outcome = region_->apply(batch, keyspace_, now, crdt::Sums::kWait);
  flush_all(ctx, before);  // who leaves by that, or is called back
  each_op([&](const crdt::Op& op) { tell_list_length(op); });
  keyspace_.set_late_deadlines();
  return outcome;
}

// What of a batch is not here yet. A snapshot is written by a forked process, which cuts its batch where it
// stands; the batch that the parent goes on to send begins with the same ops. And batches are sent again.
Result<std::string> Node::unknown_part(std::string_view bytes) {
  TRY(const auto header, crdt::decode_header(bytes));
  const auto known = region_->vector().at(header.actor);
  if (header.count == 0 || header.first > known) return std::string(bytes);
  const auto skipped = std::min<std::uint64_t>(known - header.first + 1, header.count);
  if (skipped == header.count) return std::string();
  TRY(auto batch, crdt::decode_batch(bytes));
  batch.ops.erase(batch.ops.begin(), batch.ops.begin() + static_cast<std::ptrdiff_t>(skipped));
  batch.header.first = known + 1;
  batch.header.count -= static_cast<std::uint32_t>(skipped);
  return crdt::encode(batch);
}

Result<void> Node::record(Ctx* ctx, std::string_view batch) {
  const RedisKeyspace::Use use(keyspace_, ctx);
  TRY(const auto told, crdt::decode_header(batch));
  is_in_stream(told);
  TRY(auto rest, unknown_part(batch));
  if (rest.empty()) {
    region_->skip(told);
    return {};
  }
  TRY(const auto header, crdt::decode_header(rest));
  if (!header.more) unrecorded_.clear();
  const bool was_plain = std::exchange(is_plain_, false);
  const bool is_atomic = (api::GetContextFlags(ctx) & kFlagMulti) != 0;
  if (!is_atomic && !is_loading_ && !was_plain && region_->compare_noted(rest) > 0) {
    api::Log(ctx, "warning", "sluice-geo: a write here was noted otherwise than by the master: %s",
             region_->misnoted().c_str());
  }
  TRY_VOID(region_->record(rest, keyspace_, now_ms()));
  retain(std::move(rest));
  return {};
}

}  // namespace sluice::module
