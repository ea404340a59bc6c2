// Loading the module into a server: configuration, subscriptions, commands.
#pragma once

#include "module/aof_files.h"
#include "module/redismodule.h"

namespace sluice::module {

// kOk, or kErr after a line in the server's log that says why not. `read_file`: of the server's AOF.
int load(Ctx* ctx, String** argv, int argc, ReadFile read_file) noexcept;

}  // namespace sluice::module
