#include "delay/metrics.h"

#include <algorithm>
#include <limits>

namespace sluice::delay {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

double seconds(rt::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double seconds_or_never(const std::optional<rt::Duration>& duration) {
  return duration ? seconds(*duration) : kNever;
}

base::MetricLabels labels(const std::string& shard, const std::string& node) {
  return {{"shard", shard}, {"node", node}};
}

void raise(base::Counter& counter, std::uint64_t to) {
  counter.add(std::max(0.0, static_cast<double>(to) - counter.value()));
}

}  // namespace

NodeMetrics::NodeMetrics(base::Metrics& metrics, const std::string& shard, const std::string& node)
    : delay_(metrics.histogram(
          {"sluice_delay_arrival_seconds", "From the master until the node has it."},
          base::latency_buckets_seconds(), labels(shard, node))),
      hop_(metrics.histogram(
          {"sluice_delay_hop_seconds", "The node's share: later than at the node before it."},
          base::latency_buckets_seconds(), labels(shard, node))),
      age_(metrics.gauge({"sluice_delay_age_seconds", "How old what the node has is, now."},
                         labels(shard, node))),
      lag_(metrics.gauge({"sluice_delay_lag_bytes", "Of the stream, behind the master."},
                         labels(shard, node))),
      if_stopped_(metrics.gauge({"sluice_delay_resync_if_stopped_seconds",
                                 "How long the node could stand still without a full resync."},
                                labels(shard, node))),
      as_now_(metrics.gauge({"sluice_delay_resync_as_now_seconds",
                             "Time to a full resync if the node falls behind as now."},
                            labels(shard, node))),
      alert_(metrics.gauge({"sluice_delay_alert", "1 while the alert is raised."},
                           labels(shard, node))),
      up_(metrics.gauge({"sluice_delay_node_up", "1 while the node is subscribed to."},
                        labels(shard, node))),
      round_trip_(metrics.gauge(
          {"sluice_delay_round_trip_seconds", "Of the connection that probes come back over."},
          labels(shard, node))),
      alerts_(
          metrics.counter({"sluice_delay_alerts_total", "Alerts raised."}, labels(shard, node))),
      missed_(metrics.counter({"sluice_delay_probes_missed_total",
                               "Probes that the node has never shown, but later ones."},
                              labels(shard, node))) {}

void NodeMetrics::arrived(const Arrival& arrival) {
  delay_.observe(seconds(arrival.delay));
  if (arrival.hop) hop_.observe(seconds(*arrival.hop));
}

void NodeMetrics::show(const NodeReport& node) {
  age_.set(node.age ? seconds(*node.age) : 0);
  if (node.lag_bytes) lag_.set(static_cast<double>(*node.lag_bytes));
  if (node.forecast) {
    const bool is_lost = node.forecast->is_lost;
    if_stopped_.set(is_lost ? 0 : seconds_or_never(node.forecast->if_stopped));
    as_now_.set(is_lost ? 0 : seconds_or_never(node.forecast->as_now));
  }
  alert_.set(node.is_alert ? 1 : 0);
  up_.set(node.is_reached ? 1 : 0);
  if (node.round_trip) round_trip_.set(seconds(*node.round_trip));
  raise(alerts_, node.alerts);
  raise(missed_, node.missed);
}

ShardMetrics::ShardMetrics(base::Metrics& metrics, const std::string& shard)
    : write_(metrics.histogram(
          {"sluice_delay_publish_seconds", "Round trip of PUBLISH with the master."},
          base::latency_buckets_seconds(), {{"shard", shard}})),
      probes_(metrics.counter({"sluice_delay_probes_sent_total", "Probes written to the master."},
                              {{"shard", shard}})) {}

}  // namespace sluice::delay
