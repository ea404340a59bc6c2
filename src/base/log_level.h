// The words for log levels in flags and files.
#pragma once

#include <array>

#include "base/codec.h"
#include "base/log.h"

namespace sluice::base {

template <>
inline constexpr auto kNames<LogLevel> =
    std::to_array<Named<LogLevel>>({{"debug", LogLevel::kDebug},
                                    {"info", LogLevel::kInfo},
                                    {"warn", LogLevel::kWarn},
                                    {"error", LogLevel::kError}});

}  // namespace sluice::base
