// `sluice lab up --active-active`: regions that all take writes, with traffic in each.
#pragma once

#include "lab/up.h"

namespace sluice::lab {

// Returns the exit code: 1 if something did not start, or regions differ at the end.
int run_mesh_up(const UpOptions& options);

}  // namespace sluice::lab
