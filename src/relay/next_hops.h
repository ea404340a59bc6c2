// Which of a route's alternatives is best now, by measured latency, load and whether it answers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rt/clock.h"
#include "tunnel/route.h"

namespace sluice::relay {

struct HopState {
  tunnel::Node node;
  std::optional<rt::Duration> rtt;  // smoothed: an eighth of each new measurement, as TCP does
  bool is_dead = false;
  std::uint64_t tunnels = 0;  // open through us
  rt::Instant wanted;         // when it last stood in a route

  // Of the last probe, for MONITOR PingStats, in wall time; -1: none.
  std::int64_t probe_began_ms = -1;
  std::int64_t probe_ended_ms = -1;
  base::Endpoint answered{};  // what the hop calls itself
};

// The next relays that routes have named. Bounded: those longest not wanted are forgotten.
class NextHops {
 public:
  static constexpr std::size_t kHopsMax = 64;
  static constexpr rt::Duration kForgetAfter = std::chrono::minutes(10);

  // Notes that `node` was asked for, so that it is probed. Not if all places are in use.
  void want(const tunnel::Node& node, rt::Instant now);

  void answered(const tunnel::Node& node, rt::Duration rtt);
  void failed(const tunnel::Node& node);
  void opened(const tunnel::Node& node);
  void closed(const tunnel::Node& node);

  // Indexes into `alternatives`, best first. Dead ones come last, since all may look dead to one
  // whose own network failed.
  std::vector<std::size_t> order(std::span<const tunnel::Node> alternatives) const;

  bool is_dead(const tunnel::Node& node) const;
  HopState* find(const tunnel::Node& node);
  std::vector<tunnel::Node> to_probe(rt::Instant now);
  const std::map<std::string, HopState>& all() const { return hops_; }

 private:
  double cost(const tunnel::Node& node) const;

  std::map<std::string, HopState> hops_;  // by to_string(node)
};

}  // namespace sluice::relay
