// The stream that the pump sends, over and over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::bench {

inline constexpr std::size_t kPatternBytes = 8 << 20;
inline constexpr std::string_view kPumpReplid = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

// Exactly kPatternBytes of whole commands. "mixed": eight kinds, 87 bytes a command on average;
// "small": SETs of 8 bytes, 45 bytes a command; "large": SETs of 500 bytes, 540 bytes a command.
std::string make_pattern(std::string_view mix);

}  // namespace sluice::bench
