// Owning tasks: a role spawns into its Gate, and stops by closing it and waiting.
#pragma once

#include <cstddef>

#include "base/check.h"
#include "rt/event.h"
#include "rt/host.h"

namespace sluice::rt {

class Gate {
 public:
  explicit Gate(Host& host);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { CHECK(running_ == 0); }

  // Starts `task` on this core, not before the caller returns to its loop. The gate must outlive
  // it, which closed() ensures. An exception that leaves `task` ends the process.
  void spawn(Task<void> task);

  bool is_closing() const { return closing_; }
  std::size_t running() const { return running_; }

  // Sleeps, but not past the closing of the gate. False if the gate is closing.
  Task<bool> sleep(Duration time);

  // Wakes every sleep(); tasks look at is_closing() and leave. Does not wait.
  void close();

  // Returns once no task runs. The caller must not be one of them, and must keep the gate alive.
  Task<void> closed();

 private:
  Host& host_;
  Event closing_changed_;
  Event all_ended_;
  std::size_t running_ = 0;
  bool closing_ = false;
};

}  // namespace sluice::rt
