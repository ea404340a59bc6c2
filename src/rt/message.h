// Talking to another core: it gets a message, or a task whose result comes back.
#pragma once

#include <functional>
#include <optional>

#include "rt/host.h"

namespace sluice::rt {

// Runs `message` on the core of `there`. From any thread.
void post(Host& there, std::function<void()> message);

// Runs the task that `begin` makes on the core of `there`, and resumes here once it has ended. What
// `begin` refers to must be safe to use there.
Task<void> run_on(Host& here, Host& there, std::function<Task<void>()> begin);

}  // namespace sluice::rt
