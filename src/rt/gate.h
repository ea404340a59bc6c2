// Owning tasks: a role spawns into its Gate, and stops by closing it and waiting.
#pragma once

#include <cstddef>
#include <exception>
#include <utility>

#include <asio/co_spawn.hpp>

#include "base/check.h"
#include "rt/event.h"
#include "rt/host.h"

namespace sluice::rt {

class Gate {
 public:
  explicit Gate(Host& host) : host_(host), changed_(host.loop(), host.clock()) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { CHECK(running_ == 0); }

  // Starts `task` on this core. The gate must outlive it, which stop() ensures.
  void spawn(Task<void> task) {
    CHECK(!closing_);
    ++running_;
    asio::co_spawn(host_.loop(), std::move(task), [this](std::exception_ptr failure) {
      CHECK(!failure);
      --running_;
      changed_.notify_all();
    });
  }

  bool is_closing() const { return closing_; }
  std::size_t running() const { return running_; }

  // Sleeps, but not past the closing of the gate. False if the gate is closing.
  Task<bool> sleep(Duration time);

  // Wakes every sleep(); tasks look at is_closing() and leave. Does not wait.
  void close();

  // Returns once no task runs. The caller must not be one of them.
  Task<void> closed();

 private:
  Host& host_;
  Event changed_;
  std::size_t running_ = 0;
  bool closing_ = false;
};

}  // namespace sluice::rt
