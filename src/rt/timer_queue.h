// Callbacks ordered by the instant they are due; those due at one instant keep their order.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>

#include "rt/clock.h"

namespace sluice::rt {

class TimerQueue {
 public:
  TimerId add(Instant at, std::function<void()> callback);
  void cancel(TimerId id);
  std::optional<Instant> next() const;

  // Runs what is due at `now` and was added before this call.
  void run_due(Instant now);

  // Runs the one that is due first. The queue must not be empty.
  void run_first();

  void clear();

 private:
  struct Key {
    Instant at;
    std::uint64_t order = 0;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
  };
  std::map<Key, std::function<void()>> by_time_;
  std::unordered_map<std::uint64_t, Instant> by_id_;
  std::uint64_t added_ = 0;
};

}  // namespace sluice::rt
