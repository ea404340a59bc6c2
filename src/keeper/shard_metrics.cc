#include "keeper/shard_metrics.h"

#include <algorithm>
#include <chrono>

namespace sluice::keeper {
namespace {

class Maker {
 public:
  Maker(base::Metrics& metrics, const std::string& shard)
      : metrics_(metrics), labels_{{"shard", shard}} {}
  base::Gauge operator()(const std::string& name, const std::string& help) {
    return metrics_.gauge({"sluice_keeper_" + name, help}, labels_);
  }
  base::Counter counter(const std::string& name, const std::string& help) {
    return metrics_.counter({"sluice_keeper_" + name, help}, labels_);
  }

 private:
  base::Metrics& metrics_;
  base::MetricLabels labels_;
};

// The shard keeps its own counts; after CONFIG RESETSTAT they are less than what was shown.
void raise(base::Counter& counter, std::uint64_t to) {
  counter.add(std::max(0.0, static_cast<double>(to) - counter.value()));
}

}  // namespace

ShardMetrics::ShardMetrics(base::Metrics& metrics, const std::string& shard)
    : upstream_up_(Maker(metrics, shard)("upstream_up", "1 while the upstream's stream comes in.")),
      quarantined_(Maker(metrics, shard)(
          "quarantined", "1 while an upstream, or what it offers, is held back. Alert on it.")),
      failed_(Maker(metrics, shard)("disk_failed", "1 after a failed write or sync. Alert on it.")),
      disk_full_(Maker(metrics, shard)("disk_full", "1 while there is no room for the log.")),
      begin_offset_(Maker(metrics, shard)("begin_offset_bytes", "Oldest offset in the log.")),
      end_offset_(Maker(metrics, shard)("end_offset_bytes", "Offset where the log ends.")),
      durable_offset_(Maker(metrics, shard)("durable_offset_bytes", "Offset that is durable.")),
      acknowledged_offset_(Maker(metrics, shard)("acknowledged_offset_bytes",
                                                 "Offset last acknowledged to the upstream.")),
      log_bytes_(Maker(metrics, shard)("disk_bytes", "Log and snapshots on disk.")),
      snapshot_bytes_(Maker(metrics, shard)("snapshot_bytes", "Size of the newest snapshot.")),
      snapshot_age_(Maker(metrics, shard)("snapshot_age_seconds", "Age of the newest snapshot.")),
      tail_bytes_(Maker(metrics, shard)("snapshot_tail_bytes",
                                        "Log that a replica replays after the newest snapshot.")),
      loading_bytes_(Maker(metrics, shard)("loading_bytes", "Of a snapshot that is coming in.")),
      clients_(Maker(metrics, shard)("clients", "Connections that are not replicas.")),
      replicas_(Maker(metrics, shard)("replicas", "Connected replicas.")),
      replicas_online_(Maker(metrics, shard)("replicas_online", "Replicas that get the stream.")),
      replica_lag_max_(Maker(metrics, shard)("replica_lag_max_bytes",
                                             "Log end minus the lowest acknowledged offset.")),
      snapshots_sending_(Maker(metrics, shard)("snapshots_sending", "Full resyncs under way.")),
      received_bytes_(
          Maker(metrics, shard).counter("received_bytes_total", "Stream bytes received.")),
      sent_bytes_(Maker(metrics, shard).counter("sent_bytes_total", "Bytes sent to replicas.")),
      upstream_full_(
          Maker(metrics, shard)
              .counter("upstream_full_resyncs_total", "Full resyncs taken from upstreams.")),
      upstream_partial_(
          Maker(metrics, shard)
              .counter("upstream_partial_resyncs_total", "Partial resyncs with upstreams.")),
      upstream_resumed_(Maker(metrics, shard)
                            .counter("upstream_snapshots_resumed_total",
                                     "Snapshots of upstreams gone on with where they broke.")),
      upstream_bandwidth_(Maker(metrics, shard)(
          "upstream_bandwidth_bytes", "Per second, measured while we were behind; 0: not yet.")),
      full_(Maker(metrics, shard).counter("full_resyncs_total", "Full resyncs given to replicas.")),
      partial_(
          Maker(metrics, shard).counter("partial_resyncs_total", "Partial resyncs of replicas.")),
      refused_(Maker(metrics, shard)
                   .counter("partial_resyncs_refused_total",
                            "Replicas that asked to continue and could not.")),
      refreshes_(
          Maker(metrics, shard).counter("snapshot_refreshes_total", "Snapshots taken here.")),
      refreshes_failed_(
          Maker(metrics, shard)
              .counter("snapshot_refreshes_failed_total", "Snapshots that could not be taken.")),
      messages_too_long_(Maker(metrics, shard)
                             .counter("messages_too_long_total",
                                      "Published in the stream, too long for subscribers here.")) {}

void ShardMetrics::show(const ShardFigures& figures) {
  const auto& status = figures.status;
  const auto& link = figures.link;
  upstream_up_.set(link.state == FollowState::kStreaming ? 1 : 0);
  quarantined_.set(status.quarantine_reason ? 1 : 0);
  failed_.set(status.failure ? 1 : 0);
  disk_full_.set(link.is_disk_full ? 1 : 0);
  acknowledged_offset_.set(static_cast<double>(link.acknowledged.bytes()));
  loading_bytes_.set(
      static_cast<double>(link.state == FollowState::kLoading ? link.loading_bytes : 0));
  raise(received_bytes_, link.bytes_received);
  raise(upstream_full_, link.full_resyncs);
  raise(upstream_partial_, link.partial_resyncs);
  raise(upstream_resumed_, link.snapshots_resumed);
  upstream_bandwidth_.set(static_cast<double>(status.upstream.bandwidth));
  const auto& counters = status.counters;
  raise(sent_bytes_, counters.repl_output_bytes);
  raise(full_, counters.sync_full);
  raise(partial_, counters.sync_partial_ok);
  raise(refused_, counters.sync_partial_err);
  raise(refreshes_, figures.refreshes_taken);
  raise(refreshes_failed_, figures.refreshes_failed);
  raise(messages_too_long_, figures.messages_too_long);
  clients_.set(static_cast<double>(figures.clients));
  snapshots_sending_.set(static_cast<double>(figures.snapshots_being_sent));
  replicas_.set(static_cast<double>(status.replicas.size()));
  replicas_online_.set(static_cast<double>(std::ranges::count_if(
      status.replicas, [](const ReplicaStatus& r) { return r.state == ReplicaState::kOnline; })));
  if (!status.log) return;
  const auto& held = status.log->history.held;
  begin_offset_.set(static_cast<double>(held.begin.bytes()));
  end_offset_.set(static_cast<double>(held.end.bytes()));
  durable_offset_.set(static_cast<double>(status.log->durable.bytes()));
  log_bytes_.set(static_cast<double>(status.log->bytes_on_disk));
  std::uint64_t lag = 0;
  for (const auto& replica : status.replicas) {
    lag = std::max(lag, held.end.bytes() - std::min(replica.acked, held.end).bytes());
  }
  replica_lag_max_.set(static_cast<double>(lag));
  if (status.log->snapshots.empty()) return;
  const auto& newest = status.log->snapshots.back();
  snapshot_bytes_.set(static_cast<double>(newest.bytes));
  snapshot_age_.set(static_cast<double>(figures.wall_ms - newest.wall_ms) / 1000);
  tail_bytes_.set(static_cast<double>(held.end - newest.at));
}

}  // namespace sluice::keeper
