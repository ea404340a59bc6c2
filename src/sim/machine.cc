#include "sim/machine.h"

#include <chrono>
#include <utility>

#include "base/check.h"
#include "sim/network.h"

namespace sluice::sim {

namespace {
constexpr std::int64_t kWallStart = 1'800'000'000'000;  // in January 2027
}  // namespace

Machine::Machine(World& world, std::string name, std::uint64_t number)
    : world_(world), name_(std::move(name)), disk_(world, number) {}

Host& Machine::boot() {
  CHECK(running_ == nullptr);
  has_power_ = true;
  world_.note('B', disk_.number(), boots_.size());
  boots_.push_back(std::make_unique<Host>(*this));
  running_ = boots_.back().get();
  world_.network().machine_booted(*this);
  return *running_;
}

void Machine::crash(Crash how) {
  world_.note('X', disk_.number(), static_cast<std::uint64_t>(how));
  if (how == Crash::kPower) has_power_ = false;
  Host* dying = std::exchange(running_, nullptr);
  if (dying != nullptr) dying->die();
  if (how == Crash::kPower) disk_.lose_power();
}

std::int64_t Machine::wall_ms() const {
  const auto passed = world_.now().since_start + wall_skew_;
  return kWallStart + std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
}

}  // namespace sluice::sim
