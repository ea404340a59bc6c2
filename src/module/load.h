// Loading the module into a server: configuration, subscriptions, commands.
#pragma once

#include "module/redismodule.h"

namespace sluice::module {

// kOk, or kErr after a line in the server's log that says why not.
int load(Ctx* ctx, String** argv, int argc) noexcept;

}  // namespace sluice::module
