// Serves one replica that asked the keeper for PSYNC or SYNC: its snapshot, then the stream.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "keeper/admission.h"
#include "keeper/rate_limit.h"
#include "keeper/view.h"
#include "replog/log.h"
#include "rt/host.h"

namespace sluice::keeper {

struct DownstreamOptions {
  rt::Duration ahead_wait = std::chrono::seconds(60);
  std::uint64_t snapshot_bytes_per_second = 0;  // of one replica; 0: no limit
};

// What all downstreams of a shard share; outlives them.
struct DownstreamShared {
  rt::Host& host;
  std::function<replog::Log*()> active_log;  // null: there is none yet
  Admission& admission;                      // of full resyncs
  RateLimit& snapshot_rate;                  // of all snapshots together
  rt::Event& lineage_changed;  // another lineage is active, or the active one got another replid
  Counters& counters;          // sync_full, sync_partial_ok, sync_partial_err, snapshots_resumed
  std::string keeper_id{};     // a part of the names of our snapshots
};

// The first bytes of a snapshot of ours, that the replica has already.
struct HeldSnapshot {
  std::string name;
  std::uint64_t bytes = 0;
};

struct ReplicaRequest {
  std::optional<repl::PsyncRequest> psync;  // absent: SYNC, of old replicas and tools
  bool is_psync2 = true;                    // understands a new replid in +CONTINUE
  bool is_rdb_only = false;                 // redis-cli --rdb: hang up after the snapshot
  bool is_keeper = false;                   // it may come back for the rest of a snapshot
  std::optional<HeldSnapshot> held;
  // Send the stream up to this mark and then nothing, from the newest snapshot at or before it.
  std::optional<repl::Offset> until;
};

// Lives on the core of its shard. Memory does not depend on how far the replica is behind: what it
// lacks is on disk.
class Downstream {
 public:
  enum class Phase : std::uint8_t { kWaiting, kSendingSnapshot, kStreaming };

  Downstream(DownstreamShared& shared, rt::Stream& replica, DownstreamOptions options)
      : shared_(shared), replica_(replica), options_(options) {}

  // Runs until the replica leaves (its stream is closed), retention overtakes it, the lineage it
  // follows is replaced (kNotFound: it must ask again), or cancel().
  rt::Task<Result<>> serve(ReplicaRequest request);

  void cancel();

  Phase phase() const { return phase_; }
  repl::Offset sent() const { return sent_; }

  // While set, the log from here on must not be taken: the replica was sent the snapshot before it
  // and has not caught up yet.
  std::optional<repl::Offset> needs() const { return needs_; }
  // The file of the snapshot that a keeper is sent, and may come back for the rest of.
  const std::optional<std::string>& resumable() const { return resumable_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  rt::Instant last_progress() const { return last_progress_; }

 private:
  rt::Task<Result<replog::Log*>> wait_for_answer(const ReplicaRequest& request,
                                                 repl::PsyncAnswer& answer);
  rt::Task<Result<Admission::Place>> wait_for_place();
  rt::Task<Result<>> keep_alive(rt::Event& event);
  rt::Task<Result<>> go_on(replog::Log& log, const ReplicaRequest& request, repl::Offset from);
  rt::Task<Result<>> start_over(replog::Log& log, const ReplicaRequest& request);
  rt::Task<Result<>> send_snapshot(replog::Reader& reader, std::uint64_t bytes);
  rt::Task<Result<>> stream_from(repl::Offset from, std::optional<repl::Offset> until);
  rt::Task<Result<>> stay_silent();
  rt::Task<Result<>> send_chunk(replog::Reader& reader, std::size_t bytes_max);

  DownstreamShared& shared_;
  rt::Stream& replica_;
  DownstreamOptions options_;
  std::unique_ptr<replog::Reader> reader_;
  Phase phase_ = Phase::kWaiting;
  bool is_cancelled_ = false;
  repl::Offset sent_;
  std::optional<repl::Offset> needs_;
  std::optional<std::string> resumable_;
  std::uint64_t bytes_sent_ = 0;
  rt::Instant last_progress_;
};

}  // namespace sluice::keeper
