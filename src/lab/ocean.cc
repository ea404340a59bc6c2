#include "lab/ocean.h"

#include <algorithm>

namespace sluice::lab {

WanChange change_to(const Conditions& conditions) {
  WanChange change;
  change.clears = true;
  for (const auto& [key, value] : conditions) {
    change.conditions.push_back({.key = key,
                                 .values = {value},
                                 .kind = base::Assignment::Kind::kWord,
                                 .where = "--" + key});
  }
  return change;
}

Ocean::Ocean(rt::Host& host, std::unique_ptr<WanEmulator> emulator)
    : tasks_(host), emulator_(std::move(emulator)) {
  emulator_->start(tasks_);
}

Result<std::unique_ptr<Ocean>> Ocean::make(rt::Host& host, const WanOptions& options,
                                           const WanChange& conditions) {
  TRY(auto emulator, WanEmulator::make(host, options));
  TRY_VOID(emulator->change(conditions));
  return std::unique_ptr<Ocean>(new Ocean(host, std::move(emulator)));
}

Result<> Ocean::cut(rt::Duration time) {
  WanChange change;
  change.cut = time;
  return emulator_->change(change);
}

double Ocean::missed_share() {
  const auto status = emulator_->status();
  std::uint64_t missed = 0;
  std::uint64_t packets = 0;
  for (const auto& side : status.sides) missed += side.missed;
  for (const auto& way : status.directions) {
    missed += way.counters.flight_full;
    packets += way.counters.offered;
  }
  return static_cast<double>(missed) / static_cast<double>(std::max<std::uint64_t>(packets, 1));
}

rt::Task<void> Ocean::stop() {
  emulator_->stop();
  tasks_.close();
  co_await tasks_.closed();
}

}  // namespace sluice::lab
