#include "rt/message.h"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <exception>
#include <utility>

#include "base/check.h"
#include "rt/parked.h"

namespace sluice::rt {

void post(Host& there, std::function<void()> message) {
  asio::post(there.loop(), std::move(message));
}

Task<void> run_on(Host& here, Host& there, std::function<Task<void>()> begin) {
  Parked caller;
  auto ended = [&caller, &here](const std::exception_ptr& failure) {
    CHECK(!failure);
    caller.resume(here.loop());
  };
  auto submit = [&] { asio::co_spawn(there.loop(), begin, ended); };
  co_await caller.park(submit);
}

}  // namespace sluice::rt
