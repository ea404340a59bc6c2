#include "geo/link_metrics.h"

#include <algorithm>

#include "geo/courier.h"
#include "geo/snapshot_merge.h"

namespace sluice::geo {
namespace {

base::MetricLabels of(const std::string& source) {
  return {{"source", source}};
}

}  // namespace

LinkMetrics::LinkMetrics(base::Metrics& metrics, const std::string& source)
    : metrics_(metrics),
      source_(source),
      stream_bytes_(metrics.counter(
          {"sluice_geo_stream_bytes_total", "Read of the peer's replication stream."}, of(source))),
      sent_bytes_(metrics.counter({"sluice_geo_sent_bytes_total", "Of batches sent to the master."},
                                  of(source))),
      sessions_ended_(metrics.counter(
          {"sluice_geo_sessions_ended_total", "Times that the link lost its source or its master."},
          of(source))),
      merged_keys_(metrics.counter(
          {"sluice_geo_merged_keys_total", "Of the peer's snapshots, merged into the master."},
          of(source))),
      merges_(metrics.counter(
          {"sluice_geo_merges_total", "Snapshots of the peer by which our region rejoined."},
          of(source))),
      merges_failed_(metrics.counter({"sluice_geo_merges_failed_total",
                                      "Attempts at that which ended, most of them because the "
                                      "snapshot was too early."},
                                     of(source))),
      state_(metrics.gauge(
          {"sluice_geo_link_state",
           "0 no master, 1 no source, 2 streaming, 3 held up, 4 needs a snapshot, 5 merges one."},
          of(source))),
      held_(metrics.gauge(
          {"sluice_geo_held_batches", "Of third regions, given time to come by their own link."},
          of(source))),
      queue_(metrics.gauge({"sluice_geo_queue_bytes",
                            "Of batches read and not settled; at most "
                            "queue_bytes and one batch."},
                           of(source))),
      in_flight_(metrics.gauge({"sluice_geo_in_flight_bytes",
                                "Of batches sent and not answered; at most in_flight_bytes and "
                                "one batch."},
                               of(source))),
      dropped_(metrics.gauge({"sluice_geo_dropped_batches", "Refused for good, in this session."},
                             of(source))) {}

void LinkMetrics::answered(Verdict verdict) {
  auto at = verdicts_.find(verdict);
  if (at == verdicts_.end()) {
    auto labels = of(source_);
    labels["answer"] = name_of(verdict);
    const auto counter =
        metrics_.counter({"sluice_geo_answers_total", "Of the master, to batches."}, labels);
    at = verdicts_.emplace(verdict, counter).first;
  }
  at->second.add();
}

LinkMetrics::Origin& LinkMetrics::origin(crdt::RegionId region) {
  const auto at = origins_.find(region);
  if (at != origins_.end()) return at->second;
  auto labels = of(source_);
  labels["origin"] = std::to_string(region);
  const Origin made{
      .lag =
          metrics_.histogram({"sluice_geo_lag_seconds",
                              "From the write, by its region's clock, until it is applied here."},
                             base::latency_buckets_seconds(), labels),
      .waiting = metrics_.gauge(
          {"sluice_geo_waiting_ops", "Read of the stream and not yet applied here."}, labels),
      .batches =
          metrics_.counter({"sluice_geo_batches_total", "Applied through this link."}, labels),
      .ops = metrics_.counter({"sluice_geo_ops_total", "Applied through this link."}, labels)};
  return origins_.emplace(region, made).first->second;
}

void LinkMetrics::settled(const crdt::BatchHeader& header, std::int64_t wall_ms) {
  auto& one = origin(header.actor.region);
  const auto lag_ms = wall_ms - static_cast<std::int64_t>(header.hlc.wall_ms());
  one.lag.observe(static_cast<double>(std::max<std::int64_t>(lag_ms, 0)) / 1000);
  one.batches.add();
  one.ops.add(header.count);
}

void LinkMetrics::merged(const MergeProgress& progress, bool is_complete) {
  merged_keys_.add(static_cast<double>(progress.keys));
  (is_complete ? merges_ : merges_failed_).add();
}

void LinkMetrics::show(const Courier& courier) {
  held_.set(static_cast<double>(courier.held()));
  queue_.set(static_cast<double>(courier.queue_bytes()));
  in_flight_.set(static_cast<double>(courier.in_flight_bytes()));
  dropped_.set(static_cast<double>(courier.dropped()));
  for (const auto& [region, ops] : courier.waiting_ops()) {
    origin(region).waiting.set(static_cast<double>(ops));
  }
}

}  // namespace sluice::geo
