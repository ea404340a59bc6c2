// A keeper's folder with a log far larger than the disk.
#pragma once

#include <cstdint>

#include "rt/host.h"

namespace sluice::bench {

// Fills `folder` with a log of the pump's stream, `segments` times 256 MiB from offset 0 on. Every
// segment is a link to one file, since the stream repeats itself; each has an index of its own.
// Returns the offset where it ends. Blocks for seconds.
Result<std::uint64_t> make_synthetic_log(rt::Directory& folder, std::uint32_t segments);

}  // namespace sluice::bench
