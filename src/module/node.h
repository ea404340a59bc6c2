// One server of a region with the module loaded: the region's state, and what ties it to Redis.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/region.h"
#include "module/adoption.h"
#include "module/aof_files.h"
#include "module/aof_tail.h"
#include "module/command_table.h"
#include "module/fsynced.h"
#include "module/key_counts.h"
#include "module/key_sweep.h"
#include "module/keyspace.h"
#include "module/link_positions.h"
#include "module/observer.h"
#include "module/redismodule.h"
#include "module/server_program.h"
#include "module/stash.h"
#include "module/unknown_writes.h"

namespace sluice::module {

struct Config {
  std::string region;  // its name
  crdt::RegionId id = 0;
  bool allow_flush = false;
  crdt::RegionLimits limits;
};

// The words behind `loadmodule`: region=eu id=1.
Result<Config> parse_config(const std::vector<std::string_view>& words);

// A merge from which nothing is heard for so long may be taken over by another link.
inline constexpr std::uint64_t kMergeSilenceMaxMs = 60'000;
inline constexpr std::uint32_t kDbsMax = 1U << 20U;

// Of the master's part in a merge of a peer's snapshot.
struct MergeProgress {
  std::string source;
  unsigned long long client = 0;  // whose merge it is: no other's keys may come between
  std::uint64_t touched_ms = 0;
  bool is_swept = false;
  KeySweep sweep;

  void begin(std::string_view from, unsigned long long by, std::uint64_t now_ms);
  void end() { begin({}, 0, 0); }
};

// A master that is back tells nobody, and takes nothing, until whoever may take over knows of it, by its stream or from
// its disk; for no longer than this.
inline constexpr std::uint64_t kReturnHeldMaxMs = 10'000;
struct HeldReturn {
  std::uint64_t until_ms = 0;
  std::optional<std::int64_t> offset = {};  // of the stream, behind the return
  bool is_at_replicas = false, is_on_disk = false;
};

class Node {
 public:
  Node(Config config, ReadFile read_file);

  // --- what the server tells --------------------------------------------------------------------
  // Of every command: what is done for those that only read is all that reading costs.
  void filter(RedisModuleCommandFilterCtx* command) {
    if (has_past_) forget_past();
    const auto name = bytes_of(api::CommandFilterArgGet(command, 0));
    if (may_have_rule(name)) filter_write(command, name);
  }
  void observe(Ctx* ctx, int type, const char* event, String* name);
  void before_sleep(Ctx* ctx);
  void after_sleep();
  void become_master();
  void become_replica();
  void loading(Ctx* ctx, std::uint64_t step);
  void async_loading(std::uint64_t step);
  void replica_is_online() {
    must_resend_ = true;
    region_->announce_again();
  }
  void begin(Ctx* ctx);                             // when the module is loaded
  void preamble_is_loaded();                        // of an AOF
  void has_run(Ctx* ctx, String** argv, int argc);  // a command of ours that changes something
  void commands_have_changed(Ctx* ctx) { unknown_writes_.learn(ctx); }

  // --- what commands do ---------------------------------------------------------------------------
  Config& config() { return config_; }
  crdt::Region& region() { return *region_; }
  RedisKeyspace& keyspace() { return keyspace_; }
  bool is_master() const { return is_master_; }
  KeyCounts& key_counts() { return key_counts_; }
  LinkPositions& positions() { return positions_; }
  // Ops that a replaced command has derived itself.
  void note(const Observer::Ops& ops);
  // What the server does next. It may save itself in the middle, when it is done: that snapshot has to tell of it, and
  // there is nothing left to note then.
  void begin_to_do(crdt::Op op) { under_way_ = std::move(op); }
  void end_doing(bool is_done);
  // Events are not observed while one lives: the ops are known otherwise.
  class Quiet {
   public:
    explicit Quiet(Node& node) : node_(node) { ++node_.quiet_; }
    ~Quiet() {
      --node_.quiet_;
      node_.key_counts_.look();
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

   private:
    Node& node_;
  };
  // Events so far of which nothing was noted for that: whether a command wrote is the server's to say.
  std::uint64_t quiet_events() const { return quiet_events_; }
  // What is called before a batch of our own goes into the replication stream.
  using Before = std::function<void()>;
  // Puts what was noted into the replication stream, unless it must not be disturbed now.
  bool flush(Ctx* ctx, const Before& before = {});
  // What a master has noted, if anything; false: it must not be disturbed.
  bool flush_all(Ctx* ctx, const Before& before = {});
  // `before_ours`: before a batch of our own goes into the stream, which saw what was applied before this one.
  Result<crdt::Outcome> apply(Ctx* ctx, std::string_view bytes,
                              const std::function<void()>& before_ours);
  Result<void> record(Ctx* ctx, std::string_view batch);
  MergeProgress& merge() { return merge_; }
  std::string merge_under_way() const;  // the source; "nobody" if it is silent: any may begin again
  Adoption& adoption() { return adoption_; }
  void begin_adoption();
  void end_adoption();
  std::uint32_t next_incarnation() const;
  void has_merged(const std::vector<crdt::KeyName>&
                      keys);                 // these are done, of a snapshot that is being merged
  void merged();                             // all of it: our batches so far are void, or known
  void hold_return();                        // on the master
  std::string_view why_undisturbed() const;  // flush_all() is false
  std::uint64_t retained_bytes() const { return retained_bytes_; }
  // When the first op of this region after that one was made, of those that some region may lack; nothing: there is none.
  std::optional<std::uint64_t> made_after_ms(const crdt::Dot& op) const;
  std::uint64_t held_commands() const { return stash_.held(); }
  // Of AOFs that ended without their last batch: writes that were told one by one, and keys that were told by their values.
  std::uint64_t torn_writes() const { return torn_writes_; }
  std::uint64_t retold_keys() const { return retold_keys_; }

  // --- persistence ----------------------------------------------------------------------------------
  std::string save();
  std::string vector_bytes() const;  // as a batch has it
  Result<void> load(std::string_view bytes);

 private:
  void begin_incarnation();
  void cut_batches(crdt::Turn turn);
  void adopt(Ctx* ctx);
  bool is_heard_by_all() const;
  void note_plain_data(Ctx* ctx);
  void look_whether_master_is_plain();
  void part_with_plain_replicas(Ctx* ctx);
  void retain(std::string batch);
  void is_in_stream(const crdt::BatchHeader& batch);
  void drop_oldest_retained();
  void drop_stable_retained();
  Result<std::string> unknown_part(std::string_view bytes);
  std::uint64_t begin_to_note();
  void tell_list_length(const crdt::Op& op);
  void filter_write(RedisModuleCommandFilterCtx* command, std::string_view name);
  // What belongs to the command before.
  void forget_past() {
    has_past_ = false;
    stash_.forget();
    observer_.forget();
    keyspace_.forget_foretold();
  }
  void tick(Ctx* ctx);
  void forget(Ctx* ctx, bool is_due);
  void look_for_multi(Ctx* ctx);
  void promise_what_replicas_have(Ctx* ctx);
  void remember_what_is_sent();
  bool has_unsent() const { return region_->has_unflushed() || !outbox_.empty(); }
  void look_at_aof(Ctx* ctx);
  void promise();
  void forget_promises();
  void look_at_return(Ctx* ctx);
  void tell_departures(Ctx* ctx);
  void replace(RedisModuleCommandFilterCtx* command, std::string_view name);
  void note_dropped(Ctx* ctx);
  bool is_unknown(RedisModuleCommandFilterCtx* command, std::string_view name) const;
  void refuse_unknown(RedisModuleCommandFilterCtx* command);
  void look_for_tail(Ctx* ctx);
  void note_tail(Ctx* ctx);
  void run_of_tail(Ctx* ctx, const AofCommand& command);
  void note_unrecorded(Ctx* ctx);
  void reset();

  Config config_;
  ReadFile read_file_;
  std::unique_ptr<crdt::Region> region_;
  RedisKeyspace keyspace_;
  Stash stash_;
  UnknownWrites unknown_writes_;
  Observer observer_{is_constant_of_server};
  KeyCounts key_counts_;
  Observer::Ops ops_;  // of one event; kept for its memory
  std::optional<crdt::Op> under_way_;
  crdt::KeyName key_;  // likewise
  LinkPositions positions_;

  bool has_past_ = false;  // the stash or the observer remembers something
  bool must_look_ =
      false;  // a command has begun that may change the number of keys without an event
  bool is_master_ = true;
  // A replica, and its master has no module: what comes is data from before it, told at the first contact after promotion.
  bool is_plain_ = false;
  bool is_loading_ = false;
  bool is_async_loading_ = false;
  bool is_asleep_ = false;                 // between our flush and the poll
  bool is_armed_ = false;                  // a one-shot will wake the loop
  bool has_turned_ = false;                // the server has begun to serve
  const Before* before_expiry_ = nullptr;  // while a batch is applied
  int quiet_ = 0;
  std::uint64_t quiet_events_ = 0;
  std::uint64_t turn_ms_ = 0;  // when the first write of this turn was noted
  std::uint64_t next_tick_ms_ = 0, next_look_ms_ = 0;
  std::uint64_t ops_before_ = 0;  // this turn

  MergeProgress merge_;
  Adoption adoption_;
  bool has_loaded_state_ = false;  // by the load that is under way
  // When whoever follows us since before there was a module here is made to sync anew, if anybody may.
  std::optional<std::uint64_t> part_at_ms_;

  // Batches that are cut but not in the stream yet. On a replica, and of a former life: those that its snapshot brought,
  // until the stream has them too. A life that was cut off may never have sent them.
  std::deque<std::string> outbox_;
  // Batches in the stream, by their last op, until every region has promised them.
  std::deque<std::pair<crdt::Dot, std::string>> retained_;
  std::size_t retained_bytes_ = 0;
  bool must_resend_ = false;
  std::vector<crdt::RegionId> told_departed_;  // of which the log tells that they have left
  // Of the AOF that is being loaded: what follows the last turn in it that has ended, and how many turns there are before that.
  std::unique_ptr<AofTail> tail_;
  std::uint64_t turns_left_ = 0;
  TurnEnds turn_ends_;
  bool is_running_tail_ = false, is_tail_noted_ = false;
  std::uint64_t torn_writes_ = 0, retold_keys_ = 0;
  // Without that: keys written since the last batch, of which this life has to tell.
  std::set<crdt::KeyName> unrecorded_;
  std::optional<std::string> loaded_;  // by an asynchronous load, until it is complete

  // Offsets of our stream with what it had by then, until the replicas have acknowledged them.
  std::deque<std::pair<std::int64_t, crdt::VersionVector>> unacknowledged_;
  // What no failover and no power cut takes away; nothing: not known yet.
  crdt::VersionVector at_replicas_, on_disk_;
  crdt::VersionVector sent_;  // is in the stream, since the turn of the last tick at the latest
  Fsynced fsynced_;
  // An AOF that begins on a server with data, as after a full sync, is none before its first rewrite is done.
  bool is_aof_begun_ = false;
  HeldReturn held_return_;
  std::uint64_t latest_wall_ms_ = 0;
};

// The one of this process: the ABI's callbacks carry nothing of ours.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
extern __attribute__((visibility("hidden"))) Node* the_node;
inline Node& node() {
  return *the_node;
}
void make_node(Config config, ReadFile read_file);

// Of CONFIG GET.
std::optional<std::string> config_value(Ctx* ctx, const char* name);

}  // namespace sluice::module
