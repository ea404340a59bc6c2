// Which of a hop's alternatives to try first: by what was measured of each.
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

// What is known of the relays that were dialled. Holds kNodesMax of them; one that is forgotten is
// learned anew.
class NextHops {
 public:
  static constexpr std::size_t kNodesMax = 4096;
  static constexpr rt::Duration kDeadMin = std::chrono::seconds(1);
  static constexpr rt::Duration kDeadMax = std::chrono::seconds(30);
  static constexpr rt::Duration kSpeechKept = std::chrono::minutes(10);

  // Best first: those not known to be dead, then the shortest way to connect weighed with the tunnels
  // that lead there from here. Unknown ones count as near, so that they are tried.
  std::vector<tunnel::Node> in_order(const tunnel::Hop& hop, rt::Instant now) const;

  void connected(const tunnel::Node& node, rt::Duration took);
  void failed(const tunnel::Node& node, rt::Instant now);
  void tunnel_began(const tunnel::Node& node);
  void tunnel_ended(const tunnel::Node& node);

  // Whether it speaks Sluice, if that was learned not too long ago.
  std::optional<bool> speaks_sluice(const tunnel::Node& node, rt::Instant now) const;
  void learned(const tunnel::Node& node, bool speaks_sluice, rt::Instant now);
  void unlearn(const tunnel::Node& node);

 private:
  struct Known {
    std::optional<rt::Duration> connect_time{};  // smoothed
    rt::Instant dead_until{};
    int failures = 0;
    std::uint32_t tunnels = 0;
    std::optional<bool> speaks{};
    rt::Instant learned_at{};
  };
  Known& known(const tunnel::Node& node);
  const Known* find(const tunnel::Node& node) const;

  std::map<std::string, Known> nodes_;
};

}  // namespace sluice::hop
