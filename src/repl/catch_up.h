// How a follower that fell behind gets level again at least cost: by replaying the log it lacks, or
// by a newer snapshot and the log after that. Never a matter of a fixed number of bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "repl/peer.h"

namespace sluice::repl {

// When a snapshot is taken although the log could be replayed: it costs our own replicas a full
// resync each, so it has to be `times` as fast and save `gain` at least.
struct CatchUpMargin {
  std::uint32_t times = 3;
  std::chrono::seconds gain{60};
};

// What there is to be carried either way, and by what.
struct CatchUpCosts {
  std::uint64_t replay_bytes = 0;    // of log, from our end to the upstream's
  std::uint64_t snapshot_bytes = 0;  // still to come
  std::uint64_t tail_bytes = 0;      // of log after the snapshot
  std::uint64_t bandwidth = 0;       // bytes per second that the link carries; 0: not measured yet
  std::uint64_t stream_rate = 0;     // bytes per second that the log grows by meanwhile
};

enum class CatchUpBy : std::uint8_t { kReplay, kSnapshot };

struct CatchUp {
  CatchUpBy by = CatchUpBy::kReplay;
  CatchUpCosts costs;
  std::optional<double> replay_seconds;  // absent until a bandwidth was measured
  std::optional<double> snapshot_seconds;
};

// A stream as fast as the link would never be caught up with, and its rate may be that of a burst: of
// the bandwidth this share is taken to be left all the same, so that both ways stay comparable.
inline constexpr double kCatchUpShareMin = 0.05;

// Until a bandwidth was measured: by replay, which is measured then.
CatchUp choose_catch_up(const CatchUpCosts& costs, CatchUpMargin margin);

// For a log that ends at `end`, of an upstream that names a snapshot. Absent: there is no choice,
// since the upstream is not of our history or names none that lies ahead of us.
std::optional<CatchUpCosts> catch_up_costs(const History& history, Offset end, const Peer& peer);

// "by replay: 12 MiB of log in 1 s, or ..." for people.
std::string to_text(const CatchUp& choice);

// Bytes per second of a quantity that is looked at now and then: the average over about `memory`.
class ByteRate {
 public:
  explicit ByteRate(std::chrono::nanoseconds memory) : memory_(memory) {}

  // Shorter spans say more about buffers than about the link.
  static constexpr auto kSpanMin = std::chrono::milliseconds(500);

  // `count` bytes more at `now`. The first call after restart() only starts the span.
  void note(std::uint64_t count, std::chrono::nanoseconds now);
  void restart() { span_began_.reset(); }
  std::uint64_t per_second() const { return static_cast<std::uint64_t>(per_second_.value_or(0)); }

 private:
  std::chrono::nanoseconds memory_;
  std::chrono::nanoseconds seen_{0};  // all spans, up to `memory_`
  std::optional<std::chrono::nanoseconds> span_began_;
  std::uint64_t span_bytes_ = 0;
  std::optional<double> per_second_;
};

}  // namespace sluice::repl
