// Which of a hop's alternatives is best now: by measured latency, load, and whether it answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rt/clock.h"
#include "tunnel/route.h"

namespace sluice::hop {

struct HopState {
  tunnel::Node node;
  std::optional<rt::Duration> rtt;  // smoothed: an eighth of each new measurement, as TCP does
  rt::Instant dead_until;
  int failures = 0;           // one after another
  std::uint64_t tunnels = 0;  // open through us

  // Whether it speaks Sluice, if that was learned.
  std::optional<bool> speaks;
  rt::Instant spoke_until;  // not to be relied on any more from then on
  int denials = 0;          // one after another

  // Probed until it has not stood in a route for a while.
  std::optional<rt::Instant> wanted;

  // Of the last probe, for MONITOR PingStats, in wall time; -1: none.
  std::int64_t probe_began_ms = -1;
  std::int64_t probe_ended_ms = -1;
  base::Endpoint answered;  // what the hop calls itself

  bool is_dead(rt::Instant now) const { return dead_until > now; }
};

// What is known of the nodes that were dialled. Bounded; one that is forgotten is learned anew.
class NextHops {
 public:
  static constexpr std::size_t kNodesMax = 4096;
  static constexpr std::size_t kProbedMax = 64;
  static constexpr rt::Duration kForgetAfter = std::chrono::minutes(10);
  // The first is longer than a probe and its timeout, so that a hop that is probed stays out until it
  // answers.
  static constexpr rt::Duration kDeadMin = std::chrono::seconds(3);
  static constexpr rt::Duration kDeadMax = std::chrono::seconds(30);
  // A "no" may be that of a process which was just ending; it is believed longer each time.
  static constexpr rt::Duration kDenialKeptMin = std::chrono::seconds(10);
  static constexpr rt::Duration kSpeechKept = std::chrono::minutes(10);

  // Best first. Dead ones come last, since all may look dead to one whose own network failed.
  std::vector<tunnel::Node> in_order(const tunnel::Hop& hop, rt::Instant now) const;
  bool is_dead(const tunnel::Node& node, rt::Instant now) const;

  void connected(const tunnel::Node& node, rt::Duration took, rt::Instant now);
  void answered(const tunnel::Node& node, rt::Duration rtt);  // a probe
  void failed(const tunnel::Node& node, rt::Instant now);
  void opened(const tunnel::Node& node);
  void closed(const tunnel::Node& node);

  std::optional<bool> speaks_sluice(const tunnel::Node& node, rt::Instant now) const;
  void learned(const tunnel::Node& node, bool speaks_sluice, rt::Instant now);
  void unlearn(const tunnel::Node& node);

  // Notes that `node` was asked for, so that it is probed. Not if kProbedMax others are.
  void want(const tunnel::Node& node, rt::Instant now);
  std::vector<tunnel::Node> to_probe(rt::Instant now);
  HopState* find(const tunnel::Node& node);
  const HopState* find(const tunnel::Node& node) const;
  // Those that are probed, by name.
  std::map<std::string, const HopState*> probed() const;

 private:
  HopState& known(const tunnel::Node& node);
  double cost(const tunnel::Node& node) const;
  void measured(HopState& hop, rt::Duration rtt);

  std::map<std::string, HopState> nodes_;  // by to_string(node)
};

}  // namespace sluice::hop
