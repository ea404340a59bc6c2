#include "rt/timer_queue.h"

#include <utility>

#include "base/check.h"

namespace sluice::rt {

TimerId TimerQueue::add(Instant at, std::function<void()> callback) {
  const auto order = ++added_;
  by_time_.emplace(Key{at, order}, std::move(callback));
  by_id_.emplace(order, at);
  return TimerId{order};
}

void TimerQueue::cancel(TimerId id) {
  const auto found = by_id_.find(static_cast<std::uint64_t>(id));
  if (found == by_id_.end()) return;
  by_time_.erase(Key{found->second, found->first});
  by_id_.erase(found);
}

std::optional<Instant> TimerQueue::next() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first.at;
}

void TimerQueue::run_due(Instant now) {
  const auto newest = added_;
  while (!by_time_.empty()) {
    // A callback that adds one at the same instant gets a later order, hence ends this loop.
    const auto& key = by_time_.begin()->first;
    if (key.at > now || key.order > newest) return;
    run_first();
  }
}

void TimerQueue::run_first() {
  CHECK(!by_time_.empty());
  const auto first = by_time_.extract(by_time_.begin());
  by_id_.erase(first.key().order);
  first.mapped()();
}

void TimerQueue::clear() {
  by_time_.clear();
  by_id_.clear();
}

}  // namespace sluice::rt
