// What a Region holds; shared by the files that implement it, and nobody else.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crdt/departure.h"
#include "crdt/key_set.h"
#include "crdt/late_sums.h"
#include "crdt/merge.h"
#include "crdt/noted_ops.h"
#include "crdt/region.h"
#include "crdt/side_table.h"
#include "crdt/stability.h"
#include "crdt/wire.h"

namespace sluice::crdt {

struct Merging;
struct Surplus;

// Adds what only the op's maker can tell: results of float increments, lengths of lists.
void fill(Op& op, Keyspace& keyspace);

// A library is an element of a key that Redis does not have.
KeyName place_of(const Op& op);
bool is_of_no_key(const Effect& effect);  // but about lives and members
bool is_flushed_by(const Flush& flush, const KeyView& key);

struct Region::State : ConflictLog {
  State(RegionId region, RegionLimits given);
  ~State() override;

  enum class Whose { kOwn, kPeers };
  static Result<std::unique_ptr<State>> loaded(std::string_view bytes, RegionId region,
                                               const RegionLimits& limits,
                                               Whose whose = Whose::kOwn);
  static std::unique_ptr<Merging> loaded_merging(Reader& from, std::uint8_t version,
                                                 const RegionLimits& limits);
  void load_table(Reader& from);
  std::string save() const;
  void note(const Op& op, std::uint64_t now_ms);
  void note(const OneWrite& one, std::uint64_t now_ms);
  Dot next_dot(std::uint64_t now_ms);
  void note_old(const Op& op);
  void note_member(Effect effect, std::uint64_t now_ms);
  // `written`: in which incarnation.
  void note_while_merging(const Op& op, std::uint32_t written, std::uint64_t now_ms);
  // `noted_here`: how many of the native writes that come next have been noted here.
  void record_while_merging(const Op& op, std::uint64_t now_ms, std::uint64_t& noted_here);
  Result<void> check_snapshot(const State& peer) const;
  void note_into_table(const Op& op, const Stamp& stamp, std::uint64_t arrival);
  void note_into_table(const OneWrite& one, const Stamp& stamp, std::uint64_t arrival);
  void merge_into_table(const Op& op, const Stamp& stamp, const Context& context,
                        std::uint64_t arrival, Keyspace& keyspace);
  bool applied_at_once(const Op& op, const Stamp& stamp, const Context& context,
                       std::uint64_t arrival, Keyspace& keyspace);
  void begin_incarnation(std::uint32_t incarnation);
  void forget_begin();
  void take_back_unflushed();
  void stream_has(Hlc hlc);
  // take_over.cc's: the end of an incarnation that was cut off.
  void take_over(const std::vector<Op>& left, Dot after);
  void note_taken(const TakeOver& taken);
  void apply_taken(const TakeOver& taken, RegionId region, const VersionVector& seen,
                   Keyspace& keyspace);
  void restamp(const Op& op, const Stamp& stamp, Keyspace& keyspace);
  void show_sums(const KeyName& key, const LateSums::OfKey& sums, Keyspace& keyspace);
  std::uint64_t compare_noted(const Batch& batch);
  bool may_promise();
  bool builds_on_a_lost_value(const Op& op, Keyspace& keyspace) const;
  BatchHeader next_header(std::uint32_t ops);
  void announced(const BatchHeader& header);
  Outcome apply(const Batch& batch, Keyspace& keyspace, std::uint64_t now_ms);
  std::optional<Outcome> refusal(const Batch& batch, const VersionVector& seen,
                                 std::uint64_t now_ms) const;
  Result<void> record(const Batch& batch);

  // departure.cc
  std::uint64_t staying() const;
  bool has_a_say() const;
  std::uint64_t who_told(RegionId leaver) const;
  void move_member(const Effect& effect, const Dot& dot, const Context& context);
  bool is_agreed(RegionId leaver) const;
  bool is_shut_out(RegionId leaver) const;
  void judge_departures();
  void leave_as_told();
  void stay_after_all();
  std::uint64_t advance();
  bool may_be_back_unseen(RegionId region) const;
  bool is_awaited(RegionId region) const;
  std::optional<Dot> expulsion(const Batch& batch) const;
  bool answers_leave(const Batch& batch);
  bool has_lost_its_word(const Actor& maker, const VersionVector& seen) const;
  std::optional<Outcome> refusal_of_departed(const BatchHeader& header,
                                             const VersionVector& seen) const;
  std::optional<Dot> forgotten_return(const Batch& batch, const VersionVector& seen) const;
  bool is_lost_with_its_life(const BatchHeader& header) const;
  void learn_from(const Outcome& refused, const BatchHeader& header, const VersionVector& seen,
                  std::uint64_t now_ms);
  bool admit(const BatchHeader& header, const VersionVector& seen);
  bool calls(std::uint64_t now_ms) const;
  void hear(const BatchHeader& header);
  std::uint64_t silent_for(std::uint64_t ms);
  std::uint64_t in_touch() const;
  std::optional<RegionId> hindmost();
  bool is_majority(std::uint64_t part);
  void note_leave(RegionId region, std::uint64_t now_ms);

  std::uint32_t written_in(const Dot& op) const;
  bool was_told(const Stamp& stamp, std::uint32_t forgotten_return) const;
  std::vector<Surplus> redo(std::vector<Surplus> surplus, KeyState* peer, Keyspace& keyspace,
                            std::uint64_t now_ms);
  void redo(Surplus left, Keyspace& keyspace);
  void take_library(const WriteLibrary& of_peer, std::string_view here,
                    const std::vector<Surplus>& kept, Keyspace& keyspace);
  std::unique_ptr<State> taken_over_by(State& region);
  void see(Hlc hlc) { newest = std::max(newest, hlc); }

  void lost_write(const KeyName& key, std::string_view element, const Stamp& winner,
                  const Stamp& loser) override;
  void lost_type(const KeyName& key, const Stamp& winner, const Stamp& loser) override;
  void survived_remove(const KeyName& key, std::string_view element) override;
  void remember(Conflict conflict);

  RegionLimits limits;
  Actor self;  // of a follower: the actor that it follows, if that was heard of
  bool follows = true;
  Hlc newest;
  Hlc base;  // of the ops that are noted next, or now: BatchHeader's
  VersionVector vector;
  std::map<Actor, VersionVector>
      contexts;  // what each actor had seen at his newest op that is here
  Stability stability;
  Departure departures[kRegionIdMax + 1];
  std::optional<Dot> expelled_by;  // the Leave that we have met, of somebody whose word counts
  SideTable table;
  LateSums late_sums;
  bool sums_may_wait = false;

  // Of a master: ops that are in the table and the vector, but not flushed. Of a follower: the native writes since the
  // last batch; the first `described` of them are in the table.
  NotedOps noted;
  std::uint64_t described = 0;
  // Of each TakeOver that is noted: what of the former incarnation comes before it.
  std::deque<Dot> taken_after;
  Seq flushed = 0;                           // of `self`
  bool notes_old = false;                    // what is noted now
  bool holds_back = false;                   // whatever it would tell
  std::uint64_t arrival = 0;                 // of what is noted now; 0: nothing is
  VersionVector told_context, told_promise;  // by ops of `self`: what comes between may be lost
  VersionVector announced_context, announced_promise;
  // By our own clock, which batches do not move: now; when a batch of each last came; since when without a pause.
  std::uint64_t clock_ms = 0;
  std::uint64_t heard_ms[kRegionIdMax + 1] = {};
  std::uint64_t in_touch_since_ms[kRegionIdMax + 1] = {};
  // By their own words, in their newest life; with ops of theirs.
  VersionVector seen_by[kRegionIdMax + 1];
  bool has_recovered = false;  // all that former lives of ours have told anybody
  std::optional<VersionVector> safe;
  std::uint64_t announced_ms = 0;

  std::string misnoted;

  bool may_lack_keys = false, lacks_a_key = false;
  bool is_first_of_plain_list(const Op& op);
  void tell_lists();
  std::optional<KeySet> told_lists;  // of an adoption: those that ops were about
  std::unique_ptr<Merging> merging;
  // What returns of ours have told anew: up to that op of the life they began, what was written in that life or before.
  struct Retold {
    Dot last;
    std::uint32_t written = 0;  // the incarnation
  };
  std::vector<Retold> retold;

  RegionStats counts;
  std::deque<Conflict> conflicts;
};

}  // namespace sluice::crdt
