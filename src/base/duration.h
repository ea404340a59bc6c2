// Lengths of time, as people write them: 7d, 30s, 100ms.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::base {

// A whole number and ns, us, ms, s, m, h, d or w; only 0 goes without a unit. Never negative.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// Exact: the largest unit up to days that divides it, "36h".
std::string to_string(std::chrono::nanoseconds duration);

// Rounded for people, two units at most: "1m 40s".
std::string to_rounded(std::chrono::nanoseconds duration);

}  // namespace sluice::base
