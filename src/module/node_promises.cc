// What a master may promise others: that neither a failover nor a restart takes it away.
#include <algorithm>
#include <charconv>
#include <utility>

#include "module/command_words.h"
#include "module/node.h"

namespace sluice::module {

namespace {

constexpr std::size_t kUnacknowledgedMax = 10'000;
// INFO's words for replicas, in two parts: the old word is on the wire only.
constexpr char kReplicaCount[] =
    "connected_sl"
    "aves";
constexpr char kReplicaField[] =
    "sl"
    "ave";

// Offsets, of all replicas the least.
struct StreamFacts {
  std::int64_t written = 0, acknowledged = 0, replicas = 0;
};

StreamFacts stream_facts(Ctx* ctx) {
  RedisModuleServerInfoData* info = api::GetServerInfo(ctx, "replication");
  const auto field = [&](const std::string& name) {
    const char* const text = api::ServerInfoGetFieldC(info, name.c_str());
    return std::string_view(text == nullptr ? "" : text);
  };
  const auto number = [](std::string_view digits) {
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  };
  constexpr std::string_view kOffset = "offset=";
  StreamFacts facts{.written = number(field("master_repl_offset")),
                    .replicas = number(field(kReplicaCount))};
  facts.acknowledged = facts.written;
  for (std::int64_t i = 0; i < facts.replicas; ++i) {
    const auto line = field(kReplicaField + std::to_string(i));
    const auto at = line.find(kOffset);
    const bool is_synced =  // one that is being synced has nothing yet
        at != std::string_view::npos && line.find("state=online") != std::string_view::npos;
    facts.acknowledged =
        std::min(facts.acknowledged, is_synced ? number(line.substr(at + kOffset.size())) : 0);
  }
  api::FreeServerInfo(ctx, info);
  return facts;
}

}  // namespace

std::optional<std::string> config_value(Ctx* ctx, const char* name) {
  const CallReply reply(api::Call(ctx, "CONFIG", "cc", "GET", name));
  if (reply.failed() || api::CallReplyLength(reply.get()) != 2) return std::nullopt;
  return std::string(bytes_of(api::CallReplyArrayElement(reply.get(), 1)));
}

// A promise of something that a failover could forget would let peers drop what it still needs.
void Node::promise_what_replicas_have(Ctx* ctx) {
  const auto stream = stream_facts(ctx);
  if (region_->holds_back()) {
    auto& offset = held_return_.offset;
    if (!offset) offset = stream.written;
    held_return_.is_at_replicas = stream.replicas == 0 || stream.acknowledged >= *offset;
  }
  if (stream.replicas == 0) {
    unacknowledged_.clear();
    at_replicas_ = region_->vector();
    return promise();
  }
  while (!unacknowledged_.empty() && unacknowledged_.front().first <= stream.acknowledged) {
    at_replicas_ = std::move(unacknowledged_.front().second);
    unacknowledged_.pop_front();
  }
  promise();
  if (unacknowledged_.size() < kUnacknowledgedMax) {
    unacknowledged_.emplace_back(stream.written, has_unsent() ? sent_ : region_->vector());
  }
}

// What this turn sends, INFO's offset tells in the next one. A busy master notes something in every turn, before it
// can look: then that is what the last tick's turn had sent.
void Node::remember_what_is_sent() {
  if (!has_unsent()) sent_ = region_->vector();
}

std::optional<std::uint64_t> Node::made_after_ms(const crdt::Dot& op) const {
  for (const auto& [last, batch] : retained_) {
    if (last.actor.region != op.actor.region || last <= op) continue;
    const auto header = crdt::decode_header(batch);
    if (header && header->hlc.wall_ms() > 0) return header->hlc.wall_ms();  // a life begins without
  }
  return std::nullopt;
}

void Node::tell_departures(Ctx* ctx) {
  const auto departed = region_->detached();
  for (const auto peer : departed) {
    if (std::ranges::find(told_departed_, peer) == told_departed_.end())
      api::Log(ctx, "warning",
               "sluice-geo: region %d was told to leave: nobody waits for it any more, it comes "
               "back by a snapshot",
               int{peer});
  }
  for (const auto peer : told_departed_) {
    if (std::ranges::find(departed, peer) == departed.end())
      api::Log(ctx, "notice", "sluice-geo: region %d is waited for again", int{peer});
  }
  told_departed_ = departed;
}

void Node::forget_promises() {
  unacknowledged_.clear();
  at_replicas_ = on_disk_ = sent_ = {};
  fsynced_.forget();
}

void Node::promise() {
  region_->set_promise(crdt::VersionVector::meet(at_replicas_, on_disk_));
}

void Node::hold_return() {
  held_return_ = {.until_ms = steady_ms() + kReturnHeldMaxMs};
}

void Node::look_at_return(Ctx* ctx) {
  if (!region_->holds_back()) return;
  const bool is_known = held_return_.is_at_replicas && held_return_.is_on_disk;
  if (!is_known && steady_ms() < held_return_.until_ms) return;
  if (!is_known) {
    api::Log(
        ctx, "warning",
        "sluice-geo: this region is back, which after %d s its %s not have yet: a failover or a "
        "restart now may keep it from coming back",
        int{kReturnHeldMaxMs / 1000}, held_return_.is_at_replicas ? "disk does" : "replicas do");
  }
  fsynced_.forget();
  region_->tell_all();
}

std::string_view Node::why_undisturbed() const {
  if (!region_->holds_back()) return "clients are paused: send it again";
  return "this region is back, which its replicas or its disk do not have yet: send it again";
}

// A master that comes back by itself has what its AOF has. Without an AOF it has what its last RDB has, and
// nobody waits for the next one: such a master must not come back by itself.
void Node::look_at_aof(Ctx* ctx) {
  RedisModuleServerInfoData* info = api::GetServerInfo(ctx, "persistence");
  const auto is = [&](const char* field, std::string_view value) {
    const char* text = api::ServerInfoGetFieldC(info, field);
    return text != nullptr && text == value;
  };
  AofFacts facts;
  const bool has_aof = is("aof_enabled", "1");
  const bool is_rewritten =
      !is("aof_rewrite_in_progress", "0") || !is("aof_rewrite_scheduled", "0");
  is_aof_begun_ = has_aof && (is_aof_begun_ || !is_rewritten);
  facts.is_begun = !has_aof || is_aof_begun_;
  facts.syncs_every_second = has_aof && config_value(ctx, "appendfsync") == "everysec";
  if (facts.syncs_every_second) {
    facts.is_syncing = !is("aof_pending_bio_fsync", "0");
    facts.has_failed = !is("aof_last_write_status", "ok");
    const bool has_child =
        !is("aof_rewrite_in_progress", "0") || !is("rdb_bgsave_in_progress", "0");
    facts.puts_off = has_child && config_value(ctx, "no-appendfsync-on-rewrite") != "no";
    // The server counts seconds since its last sync by the wall clock: set back, it begins none until that has passed.
    latest_wall_ms_ = std::max(latest_wall_ms_, now_ms());
    facts.puts_off = facts.puts_off || now_ms() < latest_wall_ms_;
  }
  api::FreeServerInfo(ctx, info);
  if (region_->holds_back()) {
    const bool is_synced = fsynced_.observe(steady_ms(), facts, {}).has_value();
    held_return_.is_on_disk = held_return_.is_on_disk || is_synced;
    return;
  }
  if (has_unsent()) return;  // clients are paused
  if (auto synced = fsynced_.observe(steady_ms(), facts, region_->vector())) {
    on_disk_ = std::move(*synced);
    promise();
  }
}

}  // namespace sluice::module
