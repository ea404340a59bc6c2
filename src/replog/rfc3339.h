// Times as people write them: 2026-11-22T03:04:05.678Z.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::replog {

// In UTC, with milliseconds.
std::string to_rfc3339(std::int64_t wall_ms);

// With or without a fraction of a second; "Z" or an offset as "+02:00"; "T" may be a space.
// kRejected shows the form that is expected.
Result<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace sluice::replog
