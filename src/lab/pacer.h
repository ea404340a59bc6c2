// An open-loop schedule: when the events of a steady flow are due, whatever became of earlier ones.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace sluice::lab {

// Events come in batches, one batch a tick, so that a generator wakes up a bounded number of times
// a second. A late generator gets the overdue batches with the times at which they were due:
// latency measured from there counts the waiting that a closed loop would hide.
class Pacer {
 public:
  using Duration = std::chrono::nanoseconds;

  struct Batch {
    Duration due;  // since the start
    std::uint64_t events;
  };

  Pacer(double per_second, Duration tick) : per_second_(per_second), tick_(tick) {}

  Duration next_due() const { return tick_ * static_cast<std::int64_t>(ticks_ + 1); }
  bool is_due(Duration since_start) const { return since_start >= next_due(); }

  // The next batch, whether or not it is due yet.
  Batch take() {
    const Duration due = next_due();
    ++ticks_;
    const double seconds = std::chrono::duration<double>(due).count();
    const auto total = static_cast<std::uint64_t>(seconds * per_second_);
    const std::uint64_t events = total - std::min(total, given_);
    given_ += events;
    return {due, events};
  }

 private:
  double per_second_;
  Duration tick_;
  std::uint64_t ticks_ = 0;
  std::uint64_t given_ = 0;
};

}  // namespace sluice::lab
