// Notices tunnels that send as much as their connections take.
#pragma once

#include <cstdint>

#include "tunnel/collapse.h"
#include "tunnel/limits.h"

namespace sluice::tunnel {

// Connections that fill the path take what waits in bursts, after which nothing waits for an instant. So it
// is the share of time that tells: of bulk something waits nearly always, of a paced stream of half the
// link's rate next to never.
class BulkDetector {
 public:
  // What keeps bytes that wait, blocks that fill up aside.
  enum class Held { kNot, kByStripes, kByReader };

  // At every tick: so it is from now on.
  void note(Held held, Time now);
  // Once per kRateInterval: what all connections delivered in it.
  void measure(std::uint64_t delivered);

  // In the last interval its stripes kept more waiting.
  bool was_limited() const { return was_limited_; }
  bool is_bulk() const { return intervals_ >= kIntervals; }

 private:
  static constexpr int kIntervals = 2;
  // A bulk tunnel pauses now and then, and is none the less bulk. While it waits for its reader it stays
  // what it is.
  static constexpr int kIntervalsMost = 6;
  // In an interval. Less is small, whatever waits: a small tunnel that bulk has delayed must not be taken
  // for bulk itself, which nobody makes room for.
  static constexpr std::uint64_t kBytes = 2 << 20;

  Held held_ = Held::kNot;
  Time noted_{0};
  Time by_stripes_{0};  // how long, in this interval
  Time by_reader_{0};
  bool was_limited_ = false;
  int intervals_ = 0;
};

}  // namespace sluice::tunnel
