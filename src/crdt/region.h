// One region's side of the mesh: notes what is written here, merges what comes from others, and forgets
// what everybody has.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "crdt/batch.h"
#include "crdt/keyspace.h"
#include "crdt/one_write.h"
#include "crdt/version_vector.h"

namespace sluice::crdt {

// What became of a batch from elsewhere. Whoever sent it reacts to each in his own way.
struct Applied {
  std::uint64_t ops = 0;
  std::uint64_t concurrent = 0;
};
struct Duplicate {};  // all of it was here already
struct Gap {
  Dot expected;
};  // an earlier batch of this actor is missing: send from there
struct ContextMissing {
  Dot needed;
};  // its maker had seen an op that is not here yet: bring that first
// It was made without having seen what everybody was counted to have seen, and whose metadata is gone:
// merging it would diverge. Its region must rejoin by snapshot.
struct Behind {
  Dot unseen;
};
struct ClockAhead {
  std::uint64_t ms = 0;
};  // stamped further in our future than clock_ahead_max
// Its maker has left, and has not come back yet: departure.h.
struct Detached {
  RegionId region = 0;
};
// It says that this region was told to leave: it must take a peer's snapshot (begin_merge).
struct Expelled {
  Dot leave;
};
struct MergeUnderWay {};  // of a snapshot: nothing is taken meanwhile
using Outcome = std::variant<Applied, Duplicate, Gap, ContextMissing, Behind, ClockAhead, Detached,
                             Expelled, MergeUnderWay>;

struct RegionLimits {
  std::uint64_t unstable_bytes_max = std::uint64_t{1}
                                     << 30U;  // then a region that is away is told to leave
  // Away is of whom nothing was heard for so long; with four times the bytes, whoever is hindmost.
  std::uint64_t away_min_ms = 10'000;
  std::uint64_t clock_ahead_max_ms = 60'000;
  std::uint32_t batch_ops_max = 10'000;
  std::uint64_t announce_interval_ms = 50;  // between batches that say nothing but a promise
};

struct RegionStats {
  std::uint64_t unstable_keys = 0, unstable_entries = 0, unstable_bytes = 0;
  std::uint64_t local_ops = 0, remote_ops = 0, fast_ops = 0, concurrent_ops = 0;
  // Ops of a follower that were others than its master's of the same native writes.
  std::uint64_t misnoted_ops = 0;
  std::uint64_t conflicts_lww = 0, conflicts_type = 0, conflicts_remove = 0;
};

// A last writer's loser, or another decision that somebody may want to know about.
struct Conflict {
  KeyName key;
  std::string element;
  Stamp winner, loser;
  std::string kind;
};

// Whether a batch describes all native writes that are in the stream before it, and what follows is later than they.
enum class Turn : bool { kGoesOn, kEnds };

// Whether sums that a batch makes are shown at once: late_sums.h.
enum class Sums : bool { kShow, kWait };

// Not thread-safe, does no I/O, knows no clock: `now_ms` (Unix time) comes with the calls. The same calls in
// the same order give the same state, on a master and on its replica.
class Region {
 public:
  Region(RegionId id, RegionLimits limits);
  ~Region();

  // --- a life of this region's master -------------------------------------------------------------
  // A region starts as a follower (a replica, or a server that loads): what is noted waits until a batch
  // of the master that it follows is recorded.
  // Ops from here on are made by a new actor: call at start (after load) and at promotion, and flush before any write
  // is done natively. Writes that were noted here and no batch has described are ops of the actor before, which the
  // next batch tells: the i-th of them is the i-th op that follows the last batch, for their maker's batch may be
  // with others. So ops that no native write explains must be noted last before a flush.
  void begin_incarnation(std::uint32_t incarnation);
  void follow();  // demoted: as begin_incarnation's opposite
  bool is_following() const;
  Actor self() const;  // incarnation 0: none yet

  // --- what is written here ----------------------------------------------------------------------
  // After the native write was done. `keyspace` shows the value as it is now. On followers too.
  void note(Op op, Keyspace& keyspace, std::uint64_t now_ms);
  void note(const OneWrite& one, std::uint64_t now_ms);  // the same at less cost
  // A follower: the last that was noted, and no batch has told yet, is this. It came with a snapshot that was taken in the
  // middle of the command, which comes once more.
  bool has_just_noted(const Flush& flush) const;
  // Of a key that was here before there was a module and of which nothing is known: its value, as ops that every other
  // write outdoes. Flush before it and behind it.
  void note_old(Op op, Keyspace& keyspace);
  // Of a key of which something is known: ops that write over itself what no op here tells. A region that comes back by a
  // snapshot makes all its own ops once more: so what came from others must not be among them.
  std::vector<Op> untold(const KeyName& key, Keyspace& keyspace) const;
  bool knows(const KeyName& key) const;  // there is metadata of it
  // From when there may be keys of which no op tells until ops have told of all. Meanwhile it is remembered which lists ops were
  // about: a merge that keeps plain data must not add what others have of them.
  void begin_adoption();
  void end_adoption();
  // The noted ops since the last flush, encoded, at most batch_ops_max: call until it gives nothing. Also an empty
  // batch when a promise has to be announced. The same bytes must go to this region's replicas (see record).
  std::optional<std::string> flush(std::uint64_t now_ms, Turn turn = Turn::kEnds);
  bool has_unflushed() const;
  // What this region's replicas are known to have (each one's vector()); without replicas: everything. Limits what
  // flush() promises.
  void set_promise(const VersionVector& safe);
  // The next batch announces all of it: somebody begins to follow our stream who has seen no batch before.
  void announce_again();

  // --- what comes from others ----------------------------------------------------------------------
  // An error is a malformed batch. Unless the outcome is Applied, nothing is changed but what is known of members, of
  // which an op may tell. Flush first.
  // With kWait, sums of floats are shown by show_sums(): until then nobody may look at the keyspace, or write but what
  // this or a deadline that has passed says.
  Result<Outcome> apply(std::string_view batch, Keyspace& keyspace, std::uint64_t now_ms,
                        Sums sums = Sums::kShow);
  Result<Outcome> apply(const Batch& batch, Keyspace& keyspace, std::uint64_t now_ms,
                        Sums sums = Sums::kShow);
  void show_sums(Keyspace& keyspace);
  // On a replica and while an AOF is loaded: this region's own batch, whose native writes came before it
  // in the replication stream. Metadata only.
  Result<void> record(std::string_view batch, Keyspace& keyspace, std::uint64_t now_ms);
  // What is noted here must be what that batch says; to be told before record(), unless the batch is in one transaction
  // with its native writes. How many ops are others.
  std::uint64_t compare_noted(std::string_view batch);
  // Likewise, of a batch that is known already.
  void skip(const BatchHeader& batch);
  // Of the ops that a follower has noted, and had to take for its master's, the newest that was not.
  const std::string& misnoted() const;

  // --- members ----------------------------------------------------------------------------------------
  // Who counts for stability besides ourselves. A peer whose batch arrives joins by that. Until there was a
  // first peer nothing is forgotten (up to unstable_bytes_max), so that regions can be started one by one.
  // Of one that has left: everybody waits for it again, until it has taken a snapshot. Ourselves: we stay after all, whom
  // nobody is left to take back. An op of this kind has a batch of
  // its own: flush before and behind join(), detach(), apply() and collect() (begin_incarnation says why).
  void join(RegionId peer, std::uint64_t now_ms);
  // By an op, so that all who stay agree: departure.h. Ourselves: to come back by a peer's snapshot.
  void detach(RegionId region, std::uint64_t now_ms);
  std::vector<RegionId> peers() const;
  std::vector<RegionId> detached()
      const;                 // told to leave; also by unstable_bytes_max, and for being Behind
  bool must_rejoin() const;  // we were, or want to
  // Whether such an op may still be told to us: not if its maker has left, unless what somebody who stays tells builds on it.
  // One of a life that is over may: by whoever has it.
  bool lacks(const Dot& op) const;

  // --- forgetting -------------------------------------------------------------------------------------
  // Drops metadata of stable ops, at most `entries_max` of them; true if there is more to drop.
  bool collect(std::uint64_t entries_max);

  // --- joining by a peer's snapshot -----------------------------------------------------------------------
  // For a region that has left (must_rejoin). `saved` is the peer's save(), and the values that
  // follow key by key are of the same moment. kBusy: a later snapshot will do, once all who stay wait for us. What was written here and the peer has not seen is done once more on
  // top, by the next incarnation: increments count, added elements stay, a write stays unless the peer has a later
  // one. Removals that it has not seen are lost. With `keeps_plain`, and where we have forgotten what the peer has never
  // had, all elements count as written here that have no metadata; of two such strings the peer's stays.
  // Meanwhile this region serves, but apply() gives MergeUnderWay. The same calls on a replica, at the same places in the
  // stream, keep it equal; but a key is merged there by what its master says that it kept, for each forgets at its own
  // pace. Begun again, from whatever snapshot, it goes on from what an earlier attempt has left.
  struct MergeWish {
    bool keeps_plain = false;
    bool is_unchecked = false;  // of a region whose former life left no op that is not in `saved`
  };
  Result<void> begin_merge(std::string_view saved, MergeWish wish);
  // `write` writes the peer's value and deadline; the key is absent when it is called. What was kept, for followers.
  std::string merge_key(const KeyName& key, const std::function<void()>& write, Keyspace& keyspace,
                        std::uint64_t now_ms);
  Result<void> follow_merge_key(const KeyName& key, std::string_view kept,
                                const std::function<void()>& write, Keyspace& keyspace);
  // A library of the snapshot, or without code one that it does not have; `here`: its code on this server, if any.
  std::string merge_library(const WriteLibrary& of_peer, std::string_view here, Keyspace& keyspace);
  Result<void> follow_merge_library(const WriteLibrary& of_peer, std::string_view here,
                                    std::string_view kept, Keyspace& keyspace);
  bool is_library_merged(const std::string& name) const;
  // After the snapshot's last key: what it did not have is removed, except as above, by merge_key without a value: keys
  // that are found (unless is_merged), then those that take_late() gives.
  void begin_sweep();
  bool is_merged(const KeyName& key) const;
  std::optional<KeyName> take_late();
  // A batch of the peer's stream behind the snapshot; they are applied once more afterwards. A replica's snapshot may
  // hold writes that only a later batch describes, and a failover may lose the newest ops of any: until neither is so
  // the merge is not complete.
  Result<void> merge_stream(std::string_view batch);
  bool is_merge_complete() const;
  // A master is back, in a new life. flush() gives nothing until tell_all(), and then all that was kept: who may take over has
  // to know of the return before anybody else does, since some might have heard what was told anew, and some not. Gives
  // what followers need, who call follow_finish_merge() with it: the new life's first stamp.
  Hlc finish_merge(std::uint32_t incarnation);
  void follow_finish_merge(std::uint32_t incarnation, Hlc base);
  bool holds_back() const;
  void tell_all();
  bool is_merging() const;
  bool is_half_merged() const;  // also after a restart, when it has to be begun again
  std::uint64_t merged_keys() const;

  // --- to be seen --------------------------------------------------------------------------------------
  const VersionVector& vector() const;  // what has been applied here, of everybody and of us
  VersionVector promised_by(RegionId peer) const;
  VersionVector stable() const;
  RegionStats stats() const;          // looks at every unstable key
  const RegionStats& counts() const;  // without what is unstable
  std::uint64_t stats_bytes() const;  // unstable_bytes alone
  std::uint64_t unstable_keys() const;
  std::vector<Conflict> recent_conflicts() const;  // the newest few, a sample
  std::uint64_t heard_ms(RegionId peer) const;     // when a batch of it came last; 0: none did yet

  // --- persistence --------------------------------------------------------------------------------------
  // All of it but the native values; belongs into the same snapshot as they.
  std::string save() const;
  Result<void> load(std::string_view bytes);
  // Keys that must have a value by their metadata and, in `keyspace`, have none: their deadline passed while they were loaded.
  std::vector<KeyName> dropped(Keyspace& keyspace, std::uint64_t now_ms) const;
  // And of others, which nobody knows. Of one that another region had given a longer life there may be ops to come that build
  // on its value: upon such an op we leave, and take a peer's snapshot.
  void may_lack_keys();

  struct State;  // region_state.h's

 private:
  void take_over_snapshot(std::uint32_t incarnation);

  std::unique_ptr<State> state_;
};

}  // namespace sluice::crdt
