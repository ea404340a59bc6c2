// Follows one upstream for good: connects, decides where to go on, and brings what it sends into
// the archive.
//
//   Waiting --> Connecting --> Asking --+--> Loading --> Streaming --> (lost) Waiting
//      ^                                `---------------^
//      `-- Refused: the upstream is not to be trusted now (its own replica, ours, rejected)
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "keeper/key_count.h"
#include "keeper/quarantine.h"
#include "keeper/snapshot_intake.h"
#include "redis/upstream.h"
#include "repl/catch_up.h"
#include "replog/archive.h"
#include "rt/gate.h"
#include "rt/host.h"

namespace sluice::keeper {

enum class FollowState : std::uint8_t {
  kIdle,  // told to follow nobody
  kWaiting,
  kConnecting,
  kLoading,
  kStreaming,
  kRefused,
  kFailed  // the disk failed: only a restart, by a person who looked, goes on
};

// For INFO, metrics and people.
struct LinkStatus {
  FollowState state = FollowState::kIdle;
  std::string why;         // of the last failure or refusal; empty while all is well
  rt::Instant up_since;    // of the present stream
  rt::Instant down_since;  // of the last time that the stream ended
  rt::Instant last_heard;
  std::uint64_t loading_bytes = 0;
  std::optional<std::uint64_t> loading_total;
  std::uint64_t full_resyncs = 0;  // taken from upstreams since start
  std::uint64_t partial_resyncs = 0;
  std::uint64_t snapshots_resumed = 0;    // where their last connection broke
  std::uint64_t resumed_bytes = 0;        // that did not have to come again
  std::optional<repl::CatchUp> catch_up;  // the last time that there was a choice
  std::uint64_t snapshots_preferred = 0;  // to a replay of the log
  std::uint64_t bytes_received = 0;
  std::uint64_t acknowledgements = 0;
  bool is_disk_full = false;
  repl::Offset acknowledged;
};

struct LinkOptions {
  redis::UpstreamOptions upstream;  // its url is what follow() says
  QuarantineLimits quarantine;
  repl::CatchUpMargin catch_up;
  std::string own_run_id;  // to notice a cycle of replication
};

class Arrivals;

class UpstreamLink {
 public:
  // All outlive the link. `lineage_changed` is called when another lineage is active or the active
  // one got another replid: the downstreams then have to ask again.
  UpstreamLink(rt::Host& host, replog::Archive& archive, std::function<void()> lineage_changed,
               base::Log log, KeyCount known_keys, LinkOptions options);

  // Returns when stop() was called.
  rt::Task<void> run();
  void stop();

  // Goes over to another upstream, or to none; what is in flight is dropped.
  void follow(std::optional<base::RedisUrl> upstream);
  const std::optional<base::RedisUrl>& upstream() const { return upstream_url_; }
  // From now on, also of the connection that is open.
  void set_limits(QuarantineLimits quarantine, rt::Duration silence_max);

  const LinkStatus& status() const { return status_; }

  // Why the upstream, or what it offered, is held back; nothing if it is not.
  std::optional<std::string> quarantine() const;
  rt::Task<Result<>> accept();  // what is held back goes downstream
  rt::Task<Result<>> reject();  // it is dropped, and not taken again from that replid

  // Told after bytes became durable, so that they are acknowledged.
  void on_durable();

  std::uint64_t bandwidth() const { return bandwidth_.per_second(); }
  std::uint64_t stream_rate() const { return stream_rate_.per_second(); }

  // Keys of the upstream when it was last seen well; asked every few seconds where INFO is allowed.
  std::uint64_t known_keys() const { return known_keys_.value(); }

 private:
  struct Target {
    replog::Log* log = nullptr;
    repl::Position from;
  };

  rt::Task<Result<>> follow_once();
  rt::Task<Result<>> ask_and_stream(redis::Upstream& upstream, repl::Peer peer);
  enum class Answer : std::uint8_t { kAccept, kReject };
  rt::Task<Result<>> answer_quarantine(Answer answer);
  rt::Task<Result<>> refuse_cycles(const repl::Peer& peer);
  rt::Task<Result<std::optional<Target>>> resume_on(replog::Log& log, repl::Peer peer);
  rt::Task<Result<std::optional<Target>>> resume_target(repl::Peer peer);
  rt::Task<Result<std::uint64_t>> adopt(Target target, repl::Continued answer,
                                        const repl::Peer& peer);
  std::optional<repl::CatchUp> weigh_catch_up(const repl::Peer& peer);
  void note_stream_of(const repl::Peer& peer);
  rt::Task<Result<>> load(redis::Upstream& upstream, repl::Position at);
  rt::Task<Result<>> begin_intake(redis::Upstream& upstream, repl::Position at);
  rt::Task<Result<>> resume_intake(redis::Upstream& upstream, repl::Position at);
  rt::Task<Result<>> receive_snapshot(redis::Upstream& upstream);
  rt::Task<Result<>> store(std::string_view bytes);
  tl::unexpected<Error> refuse_snapshot(const Error& why);
  rt::Task<Result<>> settle_incoming(std::uint64_t keys);
  rt::Task<Result<>> stream(redis::Upstream& upstream, replog::Log& log, std::uint64_t known);
  rt::Task<Result<>> receive(redis::Upstream& upstream, replog::Log& log, std::uint64_t known);
  rt::Task<Result<>> append(replog::Log& log, Arrivals& arrivals);
  rt::Task<void> acknowledge_loop(redis::Upstream& upstream, replog::Log& log, rt::Gate& gate);
  rt::Task<void> watch_upstream_loop(redis::Upstream& upstream, replog::Log& log, rt::Gate& gate);
  redis::UpstreamOptions upstream_options() const;
  rt::Task<Result<>> promote(std::uint64_t keys);
  void enter(FollowState state, std::string why = {});

  rt::Host& host_;
  replog::Archive& archive_;
  std::function<void()> lineage_changed_;
  base::Log log_;
  LinkOptions options_;

  std::optional<base::RedisUrl> upstream_url_;
  redis::Upstream* connection_ = nullptr;  // of follow_once(), for stop() and follow()
  rt::Event wake_;  // stop(), follow(), accept() and reject() cut waits short
  rt::Event left_;  // nothing follows any more, or no operator is waited for
  rt::Event durable_;
  LinkStatus status_;
  std::optional<std::string> refusal_;
  std::optional<repl::ReplId> rejected_;
  std::optional<base::Endpoint> closed_to_us_;  // beyond the upstream, in the search for cycles
  std::optional<repl::ReplId> accepted_;        // rejected, then wanted after all
  std::uint32_t operators_ = 0;                 // who answer a quarantine, and are waited for
  bool is_following_ = false;
  bool is_stopping_ = false;
  KeyCount known_keys_;
  unsigned failures_ = 0;
  std::unique_ptr<SnapshotIntake> intake_;               // of the incoming lineage
  repl::ByteRate bandwidth_{std::chrono::seconds(1)};    // measured while we are behind
  repl::ByteRate stream_rate_{std::chrono::minutes(1)};  // as its INFO shows it grow; not a burst
  std::optional<repl::Position> upstream_end_;           // when INFO told it last
  repl::Offset catch_up_goal_;         // short of it, what comes is as fast as the link
  unsigned unreadable_snapshots_ = 0;  // one after another
  repl::Offset getack_;  // the upstream wants to be told once so much of its stream is durable
};

}  // namespace sluice::keeper
