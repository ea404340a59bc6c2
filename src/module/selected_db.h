// In which database a context is.
#pragma once

#include "module/redismodule.h"

namespace sluice::module {

// Of a client in MULTI Valkey 9 tells the database of the last SELECT that was queued, also while EXEC runs what comes
// before it; and events are raised in the context of that client. A key that is opened tells where it is.
int selected_db(Ctx* ctx);

}  // namespace sluice::module
