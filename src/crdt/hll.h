// A HyperLogLog as its registers: the same set may be stored in many ways.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::crdt {

// The 16384 registers of a string as PFADD makes it (hyperloglog.c of Redis 7.0: "HYLL", encoding, cached
// cardinality, then dense or sparse registers); none if it is no such string.
std::optional<std::string> hll_registers(std::string_view value);

}  // namespace sluice::crdt
