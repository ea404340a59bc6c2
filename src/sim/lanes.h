// The disk lanes of a simulated process: each piece of work takes a random while of virtual time.
#pragma once

#include <array>
#include <functional>

#include "rt/disk.h"
#include "sim/world.h"

namespace sluice::sim {

class Disk;

class Lanes : public rt::Disk {
 public:
  Lanes(World& world, sim::Disk& disk) : world_(world), disk_(disk) {}

  // The work is done at one instant, the end of its while; after a crash too, but then every call
  // on a file in it fails.
  rt::Task<void> run(rt::Lane lane, std::function<void()> work) override;

 private:
  World& world_;
  sim::Disk& disk_;
  std::array<rt::Instant, 3> free_at_{};
};

}  // namespace sluice::sim
