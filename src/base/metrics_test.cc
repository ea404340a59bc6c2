#include "base/metrics.h"

#include <gtest/gtest.h>

namespace sluice::base {
namespace {

TEST(Metrics, AreExposedAsText) {
  Metrics metrics;
  metrics.counter({"sluice_keeper_sent_bytes_total", "Bytes sent."}, {{"shard", "a\"b"}}).add(42);
  metrics.gauge({"sluice_keeper_replicas", "Replicas."}).set(3);
  const auto text = metrics.text();
  EXPECT_NE(text.find("# HELP sluice_keeper_sent_bytes_total Bytes sent.\n"
                      "# TYPE sluice_keeper_sent_bytes_total counter\n"
                      "sluice_keeper_sent_bytes_total{shard=\"a\\\"b\"} 42\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("sluice_keeper_replicas 3\n"), std::string::npos) << text;
}

TEST(Metrics, AreTheSameForTheSameNameAndLabels) {
  Metrics metrics;
  const MetricName name{"sluice_keeper_full_resyncs_total", "Full resyncs."};
  metrics.counter(name, {{"shard", "a"}}).add();
  metrics.counter(name, {{"shard", "a"}}).add();
  metrics.counter(name, {{"shard", "b"}}).add();
  EXPECT_EQ(metrics.counter(name, {{"shard", "a"}}).value(), 2);
  EXPECT_EQ(metrics.counter(name, {{"shard", "b"}}).value(), 1);
}

TEST(Metrics, CountLatenciesInBuckets) {
  Metrics metrics;
  auto sync =
      metrics.histogram({"sluice_keeper_sync_seconds", "Syncs."}, latency_buckets_seconds());
  sync.observe(0.00005);
  sync.observe(100);
  const auto text = metrics.text();
  EXPECT_NE(text.find("sluice_keeper_sync_seconds_bucket{le=\"0.0001\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("sluice_keeper_sync_seconds_bucket{le=\"+Inf\"} 2\n"), std::string::npos);
}

TEST(MetricsDeathTest, RefuseNamesOutsideTheConvention) {
  Metrics metrics;
  EXPECT_DEATH(metrics.counter({"sluice_keeper_sent_bytes", "No _total."}), "CHECK");
  EXPECT_DEATH(metrics.gauge({"keeper_replicas", "No prefix."}), "CHECK");
}

}  // namespace
}  // namespace sluice::base
