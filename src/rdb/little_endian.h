// Numbers as RDBs and listpacks have them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::rdb {

// Of at most eight bytes.
inline std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t at = bytes.size(); at > 0; --at)
    number = number << 8U | static_cast<std::uint8_t>(bytes[at - 1]);
  return number;
}

}  // namespace sluice::rdb
