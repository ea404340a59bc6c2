// Takes fresh snapshots of the active lineage without touching the master.
#pragma once

#include <optional>
#include <string>

#include "base/log.h"
#include "keeper/replayer.h"
#include "redis/upstream.h"

namespace sluice::keeper {

struct RefreshPolicy {
  std::uint64_t tail_bytes_max;       // of log after the newest snapshot
  std::chrono::milliseconds age_max;  // of the newest snapshot; 0: any
};

// Why a snapshot is due; nothing if none is. An unchanged data set is not taken again.
std::optional<std::string> refresh_due(const replog::Log& log, std::int64_t wall_ms,
                                       const RefreshPolicy& policy);

struct RefreshSource {
  // A replica that does the work; if absent, a private redis-server does.
  std::optional<base::RedisUrl> replica;
  rt::TlsFiles tls;
  ReplayerOptions replayer;
};

class Refresher {
 public:
  Refresher(rt::Host& host, DownstreamShared& shared, base::Log log);

  // One at a time: kBusy if one runs. Returns once the snapshot is durable.
  rt::Task<Result<>> take(RefreshSource source);

  bool is_running() const { return is_running_; }
  std::uint64_t taken() const { return taken_; }
  std::uint64_t failed() const { return failed_; }
  void stop();

 private:
  rt::Task<Result<>> take_from(RefreshSource source);
  rt::Task<Result<>> replay_and_fetch(replog::Log& log, repl::Offset goal, ReplayerOptions options);
  rt::Task<Result<>> fetch(replog::Log& log, redis::UpstreamOptions from);

  rt::Host& host_;
  DownstreamShared& shared_;
  base::Log log_;
  redis::Upstream* connection_ = nullptr;
  Replayer* replayer_ = nullptr;
  bool is_running_ = false;
  bool is_stopping_ = false;
  std::uint64_t taken_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace sluice::keeper
