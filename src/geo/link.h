// One peer's stream into our region: reads the peer's keeper as a replica, applies on our master.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/url.h"
#include "geo/courier.h"
#include "geo/link_metrics.h"
#include "geo/snapshot_merge.h"
#include "geo/target.h"
#include "redis/upstream.h"
#include "rt/gate.h"
#include "rt/host.h"

namespace sluice::geo {

enum class LinkState : std::uint8_t {
  kNoTarget,  // no master of ours answers
  kNoSource,  // the peer's keeper does not
  kStreaming,
  kHeldUp,         // streaming, but our master refuses what comes next: see why
  kNeedsSnapshot,  // no log has what our region lacks, or it was told to leave: soon kMerging
  kMerging,        // the peer's snapshot into our master, which serves
};
std::string_view name_of(LinkState state);

struct LinkReport {
  std::string source;
  LinkState state = LinkState::kNoTarget;
  std::string why;  // of all but kStreaming
  repl::Offset read;
  repl::Offset settled;
  std::size_t held = 0;
  std::size_t queue_bytes = 0;
  MergeProgress merge = {};
};

// Connects again and again, each time from where our master says it is. Lives on one core.
class Link {
 public:
  struct Options {
    std::string source;  // the name that positions are stored under
    redis::UpstreamOptions from;
    std::vector<base::RedisUrl> to;  // the one that is master counts
    redis::ClientOptions to_options;
    rt::Duration ack_interval = std::chrono::seconds(1);
    rt::Duration answer_timeout = std::chrono::seconds(30);
    // What a peer's snapshot has and our region lacks comes, in its stream or by others; or for so long nothing of it, and
    // then never.
    rt::Duration lack_patience = std::chrono::seconds(30);
    Courier::Limits limits;
  };

  // `host` outlives it.
  Link(rt::Host& host, Options options, base::Metrics& metrics, base::Log log);
  ~Link();

  rt::Task<void> run();
  void stop();

  LinkReport report() const;

 private:
  struct Session;
  enum class Asked : std::uint8_t { kApply, kVector, kPosition };

  rt::Task<Result<>> session();
  rt::Task<Result<repl::Position>> begin(Session& session, const RegionState& state);
  rt::Task<Result<std::unique_ptr<redis::Upstream>>> connect_source();
  rt::Task<Result<>> start_behind_snapshot(Session& session, const RegionState& state,
                                           repl::Position snapshot);

  rt::Task<void> read_stream(Session& session);
  Result<> take(Session& session, std::string_view bytes);
  Result<> check_maker(Session& session, const StreamBatch& batch);
  rt::Task<void> write_target(Session& session);
  std::string commands(Session& session);
  rt::Task<void> read_replies(Session& session);
  Result<> take_reply(Session& session, const resp::Reply& reply);
  void take_verdict(Session& session, const resp::Reply& reply, std::size_t batches);
  rt::Task<void> acknowledge(Session& session);
  void judge_lack(Session& session);
  Error needs_snapshot(const crdt::VersionVector& lacking, std::string why);
  rt::Task<Result<>> merge();
  void end(Session& session, Error why);
  void show(LinkState state, std::string why);
  void show_trouble(const Courier& courier);

  rt::Host& host_;
  const Options options_;
  base::Log log_;
  LinkMetrics metrics_;
  LinkState state_ = LinkState::kNoTarget;
  std::string why_ = "not connected yet";
  Session* session_ = nullptr;  // while there is one; owned by session()
  // What made us ask for a snapshot.
  std::optional<crdt::VersionVector> lacking_;
  bool goes_on_merging_ = false;    // what a link before this one has left
  SnapshotMerge* merge_ = nullptr;  // while there is one; owned by merge()
  bool wants_older_ = false;        // what the last session began with left a gap
  rt::Gate gate_;
};

}  // namespace sluice::geo
