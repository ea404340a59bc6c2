// A link's numbers for Prometheus; docs/operating-geo.md says which to alert on.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/metrics.h"
#include "crdt/batch.h"
#include "geo/answer.h"

namespace sluice::geo {

class Courier;
struct MergeProgress;

class LinkMetrics {
 public:
  LinkMetrics(base::Metrics& metrics, const std::string& source);

  void answered(Verdict verdict);
  // Our master has it; `wall_ms` is our clock.
  void settled(const crdt::BatchHeader& header, std::int64_t wall_ms);
  void read(std::size_t bytes) { stream_bytes_.add(static_cast<double>(bytes)); }
  void sent(std::size_t bytes) { sent_bytes_.add(static_cast<double>(bytes)); }
  void session_ended() { sessions_ended_.add(); }
  void merged(const MergeProgress& progress, bool is_complete);
  void state(std::size_t number) { state_.set(static_cast<double>(number)); }
  void show(const Courier& courier);

 private:
  struct Origin {
    base::Histogram lag;
    base::Gauge waiting;
    base::Counter batches, ops;
  };
  Origin& origin(crdt::RegionId region);

  base::Metrics& metrics_;
  const std::string source_;
  std::map<crdt::RegionId, Origin> origins_;
  std::map<Verdict, base::Counter> verdicts_;
  base::Counter stream_bytes_, sent_bytes_, sessions_ended_;
  base::Counter merged_keys_, merges_, merges_failed_;
  base::Gauge state_, held_, queue_, in_flight_, dropped_;
};

}  // namespace sluice::geo
