// A shard's numbers for Prometheus; docs/operating-keeper.md says which to alert on.
#pragma once

#include <cstdint>
#include <string>

#include "base/metrics.h"
#include "keeper/upstream_link.h"
#include "keeper/view.h"

namespace sluice::keeper {

// A moment of a shard, as its metrics show it.
struct ShardFigures {
  const Status& status;
  const LinkStatus& link;
  std::size_t clients = 0;
  std::size_t snapshots_being_sent = 0;
  std::uint64_t refreshes_taken = 0;
  std::uint64_t refreshes_failed = 0;
  std::uint64_t messages_too_long = 0;
  rt::Instant now;
  std::int64_t wall_ms = 0;
};

class ShardMetrics {
 public:
  ShardMetrics(base::Metrics& metrics, const std::string& shard);
  void show(const ShardFigures& figures);

 private:
  base::Gauge upstream_up_, quarantined_, failed_, disk_full_;
  base::Gauge begin_offset_, end_offset_, durable_offset_, acknowledged_offset_;
  base::Gauge log_bytes_, snapshot_bytes_, snapshot_age_, tail_bytes_, loading_bytes_;
  base::Gauge clients_, replicas_, replicas_online_, replica_lag_max_, snapshots_sending_;
  base::Counter received_bytes_, sent_bytes_, upstream_full_, upstream_partial_, upstream_resumed_;
  base::Gauge upstream_bandwidth_;
  base::Counter full_, partial_, refused_, refreshes_, refreshes_failed_, messages_too_long_;
};

}  // namespace sluice::keeper
