// Numbers for Prometheus: counters, gauges and histograms, updated from any core.
//
// Names are sluice_<role>_<what>_<unit>, counters end in _total: sluice_keeper_sent_bytes_total.
// Labels have few values (a shard, a reason), never one per client.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace sluice::base {

using MetricLabels = std::map<std::string, std::string>;

struct MetricName {
  std::string name;
  std::string help;
};

// Handles are values that refer to their Metrics, which outlives them.
class Counter {
 public:
  explicit Counter(prometheus::Counter& counter) : counter_(&counter) {}
  void add(double amount = 1);
  double value() const;

 private:
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  explicit Gauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  void set(double value);
  void add(double amount);
  double value() const;

 private:
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  explicit Histogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  void observe(double value);

 private:
  prometheus::Histogram* histogram_;
};

// 100 us doubled up to 52 s.
std::vector<double> latency_buckets_seconds();

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name and labels give the same metric. CHECKs that name and labels are well formed and
  // that a name keeps its kind.
  Counter counter(const MetricName& name, const MetricLabels& labels = {});
  Gauge gauge(const MetricName& name, const MetricLabels& labels = {});
  Histogram histogram(const MetricName& name, const std::vector<double>& buckets,
                      const MetricLabels& labels = {});

  // The text exposition format, version 0.0.4.
  std::string text() const;

 private:
  std::unique_ptr<prometheus::Registry> registry_;
};

}  // namespace sluice::base
