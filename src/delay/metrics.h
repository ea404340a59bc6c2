// The prober's numbers for Prometheus; docs/operating-delay.md says which to alert on.
#pragma once

#include <string>

#include "base/metrics.h"
#include "delay/probe_book.h"
#include "delay/report.h"

namespace sluice::delay {

class NodeMetrics {
 public:
  NodeMetrics(base::Metrics& metrics, const std::string& shard, const std::string& node);

  void arrived(const Arrival& arrival);
  void show(const NodeReport& node);

 private:
  base::Histogram delay_, hop_;
  base::Gauge age_, lag_, if_stopped_, as_now_, alert_, up_, round_trip_;
  base::Counter alerts_, missed_;
};

class ShardMetrics {
 public:
  ShardMetrics(base::Metrics& metrics, const std::string& shard);

  void published(rt::Duration round_trip) {
    write_.observe(std::chrono::duration<double>(round_trip).count());
  }
  void sent() { probes_.add(); }

 private:
  base::Histogram write_;
  base::Counter probes_;
};

}  // namespace sluice::delay
