// `sluice lab wan`: a WAN between network namespaces of this machine, and the commands to it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lab/wan_options.h"
#include "lab/wan_status.h"

namespace sluice::lab {

// Runs a WAN until it is stopped. Returns the exit code.
int run_wan(const WanOptions& options, const WanChange& conditions);

// Changes the running WAN of that name, or only asks it. kNotFound if none runs.
Result<WanStatus> change_wan(const std::string& name, const WanChange& change);

// Becomes a program on a side of the running WAN. Returns only if that fails.
Error become_on_side(const std::string& name, const std::string& side,
                     std::vector<std::string> argv);

}  // namespace sluice::lab
