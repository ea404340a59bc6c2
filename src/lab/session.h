// Runs one task as a program: on a core of its own, until it ends or is asked to.
#pragma once

#include <functional>

#include "rt/gate.h"
#include "rt/host.h"

namespace sluice::lab {

// Closes when the user wants an end (Ctrl-C, SIGTERM): sleep on it, and look at it between steps.
using Wish = rt::Gate;

// Returns what the task returns: the exit code.
int run_session(const std::function<rt::Task<int>(rt::Host&, Wish&)>& body);

}  // namespace sluice::lab
