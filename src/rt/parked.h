// A suspended task held in hand, to be resumed by whoever decides that it may go on.
#pragma once

#include <asio/post.hpp>
#include <optional>
#include <utility>

#include "base/check.h"
#include "rt/task.h"

namespace sluice::rt {

// Holds at most one task. It lives in the frame of the task that parks in it, or outlives that
// frame; a Parked that is destroyed with a task in it destroys that task.
class Parked {
 public:
  Parked() = default;
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;

  // Suspends the calling task until resume(). `then` runs once the task is suspended, so that it
  // may be resumed from there, also by another thread.
  template <typename Then>
  Task<void> park(Then then) {
    auto initiate = [this, then = std::move(then)](auto handler) mutable {
      CHECK(!handler_);
      auto go = std::move(then);  // this frame may be gone once the task can be resumed
      handler_.emplace(std::move(handler));
      go();
    };
    return asio::async_initiate<const UseTask, void()>(std::move(initiate), use_task);
  }
  Task<void> park() {
    return park([] {});
  }

  bool is_occupied() const { return handler_.has_value(); }

  // Queues the task on `loop`, which is the one it was suspended on. From any thread, as long as
  // the parking happened before.
  void resume(Loop& loop) {
    CHECK(handler_);
    auto handler = std::move(*handler_);
    handler_.reset();
    asio::post(loop, std::move(handler));
  }

 private:
  using UseTask = asio::use_awaitable_t<Loop::executor_type>;
  using Handler = asio::async_result<UseTask, void()>::handler_type;
  std::optional<Handler> handler_;
};

}  // namespace sluice::rt
