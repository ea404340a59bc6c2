// CRC32C (Castagnoli), extended piece by piece.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::replog {

class Crc32c {
 public:
  void extend(std::string_view bytes);
  std::uint32_t value() const { return ~state_; }

 private:
  std::uint32_t state_ = ~std::uint32_t{0};
};

}  // namespace sluice::replog
