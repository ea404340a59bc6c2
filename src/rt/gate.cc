#include "rt/gate.h"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <exception>
#include <utility>

namespace sluice::rt {

Gate::Gate(Host& host)
    : host_(host),
      closing_changed_(host.loop(), host.clock()),
      all_ended_(host.loop(), host.clock()) {}

void Gate::spawn(Task<void> task) {
  CHECK(!closing_);
  ++running_;
  // co_spawn alone would run the task inside this call when it is made on the loop.
  auto start = [this, &loop = host_.loop(), task = std::move(task)]() mutable {
    asio::co_spawn(loop, std::move(task), [this](const std::exception_ptr& failure) {
      CHECK(!failure);
      if (--running_ == 0) all_ended_.notify_all();
    });
  };
  asio::post(host_.loop(), std::move(start));
}

Task<bool> Gate::sleep(Duration time) {
  if (closing_) co_return false;
  co_await closing_changed_.wait_until(host_.clock().now() + time);
  co_return !closing_;
}

void Gate::close() {
  closing_ = true;
  closing_changed_.notify_all();
}

Task<void> Gate::closed() {
  while (running_ != 0) co_await all_ended_.wait();
}

}  // namespace sluice::rt
