#include "tunnel/turns.h"

#include <algorithm>
#include <utility>

namespace sluice::tunnel {

bool Turns::wake_all() {
  return !std::exchange(resting_, {}).empty();
}

bool Turns::take(const Seen& seen, Time now) {
  if (!seen.has_waiting) {
    waiting_since_.reset();
  } else if (!waiting_since_) {
    waiting_since_ = now;
  }
  const bool is_heard = now - seen.heard < kBehindAfter;
  if (!is_heard) return false;
  const bool is_behind = waiting_since_ && now - *waiting_since_ >= kBehindAfter;
  const bool has_one_awake =
      std::ranges::any_of(seen.lively, [&](auto number) { return !is_resting(number); });
  if (is_behind || seen.is_bulk || !has_one_awake) awake_until_ = now + kAwakeFor;
  if (now < awake_until_ || seen.lively.size() <= kAwakeLeast) return wake_all();
  if (now < turn_due_) return false;
  turn_due_ = now + kTurn;
  turn(seen.lively);
  return true;
}

// Who rested for longest wakes, and who was awake for longest rests.
void Turns::turn(const std::vector<StripeNumber>& lively) {
  std::erase_if(order_, [&](auto number) { return !std::ranges::count(lively, number); });
  for (const auto number : lively) {
    if (!std::ranges::count(order_, number)) order_.push_back(number);
  }
  std::ranges::rotate(order_, order_.begin() + 1);
  const auto awake = std::max(kAwakeLeast, (order_.size() + 1) / 2);
  resting_ = {order_.begin() + static_cast<std::ptrdiff_t>(awake), order_.end()};
}

}  // namespace sluice::tunnel
