// What a role gets from the machine: one Host per core. `sim::Host` is its twin.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "rt/clock.h"
#include "rt/disk.h"
#include "rt/event.h"
#include "rt/file.h"
#include "rt/network.h"
#include "rt/process.h"
#include "rt/task.h"

namespace sluice::rt {

class Host {
 public:
  virtual ~Host() = default;

  virtual Loop& loop() = 0;
  virtual Clock& clock() = 0;
  virtual Network& network() = 0;
  virtual Disk& disk() = 0;

  // 64 random bits; from one seed in simulation.
  virtual std::uint64_t random() = 0;

  // The folder at `path`, made with its parents if absent.
  virtual Result<std::unique_ptr<Directory>> directory(std::string_view path) = 0;

  // kRejected in simulation: a simulated host starts no programs.
  virtual Result<std::unique_ptr<Process>> start(const ProcessSpec& spec) = 0;

  // The read buffer that all tasks of this core share (see Stream::read_some).
  virtual std::span<char> read_buffer() = 0;
};

// Waits for `time`; see Gate for waits that a stop cuts short.
Task<void> sleep(Host& host, Duration time);

}  // namespace sluice::rt
