#include "rt/asio_clock.h"

#include <utility>

namespace sluice::rt {

namespace {
using Steady = std::chrono::steady_clock;
}  // namespace

Instant AsioClock::now() const {
  return {Steady::now().time_since_epoch()};
}

std::int64_t AsioClock::wall_ms() const {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
}

TimerId AsioClock::call_at(Instant at, std::function<void()> callback) {
  const auto id = queue_.add(at, std::move(callback));
  if (!armed_ || at < *armed_) arm(at);
  return id;
}

void AsioClock::arm(Instant at) {
  armed_ = at;
  timer_.expires_at(
      Steady::time_point(std::chrono::duration_cast<Steady::duration>(at.since_start)));
  timer_.async_wait([this](const asio::error_code& aborted) {
    if (aborted) return;
    armed_.reset();
    queue_.run_due(now());
    const auto next = queue_.next();
    if (next && (!armed_ || *next < *armed_)) arm(*next);
  });
}

}  // namespace sluice::rt
