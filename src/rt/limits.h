// What the machine allows this process to use.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace sluice::rt {

// Raises the soft limit of open descriptors to `needed` if it is lower. kRejected if the hard limit
// does not allow it: the detail names both and what to do.
Result<> allow_descriptors(std::uint64_t needed);

}  // namespace sluice::rt
