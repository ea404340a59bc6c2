#include "sim/world.h"

#include <asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "base/check.h"
#include "rt/parked.h"
#include "sim/machine.h"
#include "sim/network.h"

namespace sluice::sim {

World::World(std::uint64_t seed)
    : seed_(seed), random_(Random::mix(seed)), network_(std::make_unique<Network>(*this)) {}

World::~World() {
  timers_.clear();
}

Machine& World::machine(std::string_view name) {
  if (Machine* found = find(name)) return *found;
  auto made = std::make_unique<Machine>(*this, std::string(name), machines_.size());
  return *machines_.emplace(name, std::move(made)).first->second;
}

Machine* World::find(std::string_view name) {
  const auto found = machines_.find(name);
  return found == machines_.end() ? nullptr : found->second.get();
}

std::vector<std::string> World::machine_names() const {
  std::vector<std::string> names;
  names.reserve(machines_.size());
  for (const auto& [name, machine] : machines_) names.push_back(name);
  return names;
}

void World::spawn(rt::Task<void> task) {
  asio::co_spawn(loop_, std::move(task),
                 [](const std::exception_ptr& failure) { CHECK(!failure); });
}

rt::Task<void> World::sleep(rt::Duration time) {
  rt::Parked task;
  std::function<void()> wake = [this, &task] { task.resume(loop_); };
  timers_.add(now_ + time, std::move(wake));
  co_await task.park();
}

void World::run_ready() {
  loop_.restart();
  events_ += loop_.poll();
}

bool World::step(rt::Instant end) {
  const auto next = timers_.next();
  if (!next || *next > end) return false;
  if (*next > now_) now_ = *next;
  ++events_;
  timers_.run_first();
  run_ready();
  return true;
}

void World::run_for(rt::Duration time) {
  const auto end = now_ + time;
  run_ready();
  while (step(end)) {
  }
  now_ = end;
}

bool World::run_until(const std::function<bool()>& reached, rt::Duration limit) {
  const auto end = now_ + limit;
  run_ready();
  while (!reached()) {
    if (step(end)) continue;
    now_ = end;
    return false;
  }
  return true;
}

void World::note(char what, std::uint64_t which, std::uint64_t amount) {
  trace_ = Random::mix(trace_ ^ static_cast<std::uint64_t>(now_.since_start.count()));
  trace_ = Random::mix(trace_ ^ (which << 8) ^ static_cast<unsigned char>(what));
  trace_ = Random::mix(trace_ ^ amount);
}

}  // namespace sluice::sim
