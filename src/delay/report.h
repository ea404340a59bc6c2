// What the prober knows of its shards at a moment, and its forms for people and machines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/duration_histogram.h"
#include "delay/resync_forecast.h"

namespace sluice::delay {

// Of all that was measured since the start.
struct Quantiles {
  std::uint64_t count = 0;
  rt::Duration p50{0};
  rt::Duration p99{0};
  rt::Duration max{0};
};

Quantiles quantiles_of(const base::DurationHistogram& histogram);

struct NodeReport {
  std::string name;
  bool is_reached = false;   // it answers, and is subscribed to
  std::string failure = {};  // why not
  bool has_link = false;     // to the node before it
  std::optional<rt::Duration> age{};
  Quantiles delay;
  Quantiles hop;
  std::uint64_t missed = 0;
  std::optional<rt::Duration> round_trip{};
  std::optional<std::uint64_t> lag_bytes{};  // behind the master; nothing if either is not known
  std::optional<Forecast> forecast{};
  bool is_alert = false;
  std::uint64_t alerts = 0;
};

struct ShardReport {
  std::string shard;
  std::uint64_t probes = 0;
  bool is_writable = false;
  std::string failure = {};  // why not
  Quantiles write;           // round trips of PUBLISH
  double stream_bytes_per_second = 0;
  std::vector<NodeReport> nodes;
};

// No alert was raised, and every node has shown probes.
bool is_well(const std::vector<ShardReport>& shards);

std::string to_table(const std::vector<ShardReport>& shards);  // with a newline behind each line
std::string to_lines(const std::vector<ShardReport>& shards);  // one per node
std::string to_json(const std::vector<ShardReport>& shards);   // one line

}  // namespace sluice::delay
