// Real-time priority, for what must not be late because the machine is busy.
#pragma once

namespace sluice::rt {

// The calling thread goes before all of ordinary priority; what it starts does not. False where that is not
// allowed: it then goes on as it was.
bool run_before_others();

}  // namespace sluice::rt
