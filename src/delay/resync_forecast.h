// How far a node is from needing everything anew: when what it lacks leaves its upstream's log.
#pragma once

#include <cstdint>
#include <optional>

#include "rt/clock.h"

namespace sluice::delay {

// What a node holds of the stream for those who follow it: a Redis its backlog, a keeper its log.
struct Window {
  std::uint64_t first = 0;                // offset of the first byte that it can still give
  std::uint64_t end = 0;                  // offset behind the last one
  std::uint64_t bytes_max = 0;            // it lets go of the oldest bytes beyond so many
  std::optional<rt::Duration> age_max{};  // and of those that are older
};

struct Followed {
  std::uint64_t offset = 0;            // behind the last byte that the node has
  double bytes_per_second = 0;         // by which it gets further
  double stream_bytes_per_second = 0;  // by which the stream does
};

struct Forecast {
  bool is_lost = false;  // what it needs next has left the window already
  // If the node stood still from now on. Nothing: the stream stands still too, and no age is set.
  std::optional<rt::Duration> if_stopped{};
  // If it goes on as now. Nothing: it does not fall behind.
  std::optional<rt::Duration> as_now{};
};

Forecast forecast(const Window& upstream, const Followed& node);

// How fast an offset moves, over the last few observations.
class Speed {
 public:
  static constexpr rt::Duration kHalfLife = std::chrono::seconds(5);

  // An offset that goes back (another history) starts over.
  void observe(std::uint64_t offset, rt::Instant at);
  double bytes_per_second() const { return speed_; }

 private:
  std::optional<std::uint64_t> offset_;
  rt::Instant at_;
  double speed_ = 0;
  bool has_speed_ = false;
};

}  // namespace sluice::delay
