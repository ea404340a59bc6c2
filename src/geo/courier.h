// Decides what a region is sent from a peer's stream, when, and how far the stream is done with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "crdt/version_vector.h"
#include "geo/answer.h"
#include "geo/batch_reader.h"
#include "rt/clock.h"

namespace sluice::geo {

//   take() --+--> the peer's own: pending, until what it builds on is there ------+
//            +--> foreign: held for gossip_wait, as its own link may bring it -----+--> in flight
//            +--> covered: settled                                                        |
//                 pending or held again, for another attempt <-- refused -----------------+--> settled
//
// The target's vector is what decides: it ignores what it has and refuses what comes too early, so a
// decision here that rests on old knowledge costs a message and nothing else. The position that is
// stored with the target never passes a batch that it has not confirmed.
class Courier {
 public:
  struct Limits {
    std::size_t queue_bytes = std::size_t{64} << 20U;     // beyond, the stream is not read on
    std::size_t in_flight_bytes = std::size_t{8} << 20U;  // sent and not answered
    rt::Duration gossip_wait = std::chrono::milliseconds(200);
    rt::Duration retry_wait = std::chrono::seconds(1);  // after a refusal that time may heal
    rt::Duration gap_wait =
        std::chrono::seconds(5);  // what is missing may come later, or by others
    rt::Duration position_interval = std::chrono::seconds(1);
  };
  struct Target {
    crdt::Actor self;
    crdt::VersionVector vector;
  };

  // Everything before `from` is done with.
  Courier(Target target, repl::Offset from, Limits limits);

  // --- what happened ------------------------------------------------------------------------------
  void take(StreamBatch batch, rt::Instant now);
  void read_to(repl::Offset boundary) { read_to_ = boundary; }
  // The target's vector as it says.
  void learn(const crdt::VersionVector& vector, rt::Instant now);
  // To the oldest batch in flight. Absent: not settled. Else the batch that is done with.
  std::optional<crdt::BatchHeader> answer(const Answer& answer, rt::Instant now);
  // The oldest `count` batches in flight went in one command, which was refused: they go again, each alone.
  void split(std::size_t count);
  void positioned(repl::Offset at) { positioned_ = std::max(positioned_, at); }

  // --- what to do -----------------------------------------------------------------------------------
  struct Apply {
    const std::string* batch = nullptr;  // valid until it is answered
    repl::Offset at = {};                // to be stored: everything before it is confirmed
    crdt::Actor actor = {};
    bool is_alone = false;  // what is told of it has to be about it only
  };
  std::optional<Apply> next(rt::Instant now);
  bool wants_vector(rt::Instant now) const;
  // To be stored while nothing is being applied.
  std::optional<repl::Offset> wants_position(rt::Instant now);
  // Whether it was read, and is not settled.
  bool holds(const crdt::Dot& op) const;
  bool has_room() const { return queue_bytes_ < limits_.queue_bytes; }
  // When to look again if nothing happens before.
  std::optional<rt::Instant> wake_at() const;

  // --- to be seen -----------------------------------------------------------------------------------
  repl::Offset settled() const;
  const crdt::VersionVector& known() const { return known_; }
  const crdt::Actor& self() const { return self_; }
  // An earlier batch is missing that this stream, from where it was begun, does not hold.
  const std::optional<crdt::Dot>& gap() const { return gap_; }
  // Why the oldest batch does not go through, since its last attempt; nothing if all is well.
  const std::optional<Answer>& trouble() const { return trouble_; }
  std::size_t queue_bytes() const { return queue_bytes_; }
  std::size_t in_flight_bytes() const { return in_flight_bytes_; }
  std::size_t held() const { return held_count_; }
  // Of every region, how many of its ops wait here.
  const std::map<crdt::RegionId, std::uint64_t>& waiting_ops() const { return waiting_ops_; }
  std::uint64_t dropped() const { return dropped_; }  // refused for good

 private:
  struct Entry {
    StreamBatch batch;
    rt::Instant due{};        // not sent before
    bool has_waited = false;  // for what it builds on
    std::optional<rt::Instant> gap_since{};
    bool has_failed = false;
    // What the target said to lack for it. Then it goes alone of its actor: what is behind it would be refused, too.
    std::optional<crdt::Dot> needed{};
    bool is_looked_at = false;  // whether it is a notice: is_notice()
    bool is_alone = false;      // was refused, or went with one that was
  };

  static bool is_earlier(const Entry& a, const Entry& b) { return a.batch.begin < b.batch.begin; }
  void insert_pending(Entry entry);
  bool brings_promise(const crdt::BatchHeader& header);
  bool is_covered(const crdt::BatchHeader& header) const;
  bool has_context(const crdt::BatchHeader& header) const;
  bool is_due(Entry& entry, rt::Instant now) const;
  bool may_go(Entry& entry, rt::Instant now) const;
  void hold(Entry entry);
  void settle(const Entry& entry);
  bool is_void(const Entry& entry, Verdict verdict) const;
  void retry(Entry& entry, const Answer& answer, rt::Instant now);
  void bring_back();
  std::optional<Apply> send_first();
  std::optional<Apply> next_notice(rt::Instant now);
  bool is_notice(Entry& entry) const;
  std::optional<Apply> next_held(rt::Instant now);
  std::optional<Apply> next_pending(rt::Instant now);

  const crdt::Actor self_;
  const Limits limits_;
  crdt::VersionVector known_;
  std::map<crdt::RegionId, crdt::VersionVector> promised_;  // as this stream has told
  crdt::VersionVector sent_;  // what the target will have once what is in flight has arrived
  std::deque<Entry> pending_, in_flight_, back_;
  std::map<crdt::Actor, std::deque<Entry>> held_;  // none is empty
  std::size_t held_count_ = 0;
  std::set<crdt::Actor> tried_;            // of whom one goes alone, and is not answered
  std::multiset<repl::Offset> unsettled_;  // where their commands begin
  repl::Offset read_to_;
  repl::Offset positioned_;
  std::optional<rt::Instant> positioned_at_;
  rt::Instant learned_at_{};
  rt::Instant looks_at_{};    // for notices, again
  bool is_draining_ = false;  // after a refusal: nothing is sent until the rest is answered
  std::size_t queue_bytes_ = 0;
  std::size_t in_flight_bytes_ = 0;
  std::map<crdt::RegionId, std::uint32_t> newest_lives_;  // by this stream
  std::set<crdt::RegionId> dropped_regions_;
  std::optional<crdt::Dot> gap_;
  std::optional<Answer> trouble_;
  std::map<crdt::RegionId, std::uint64_t> waiting_ops_;
  std::uint64_t dropped_ = 0;
};

}  // namespace sluice::geo
