// The checksum at the end of an RDB and of a DUMP payload.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::rdb {

// CRC-64/Jones, reflected, as Redis's crc64.c: crc64(0, "123456789") is e9c6d914c4b8d9ca. `so_far`
// is the checksum of the bytes before, 0 at the start.
std::uint64_t crc64(std::uint64_t so_far, std::string_view bytes);

}  // namespace sluice::rdb
