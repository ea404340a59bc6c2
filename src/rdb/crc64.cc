#include "rdb/crc64.h"

#include <isa-l/crc64.h>

namespace sluice::rdb {

// ISA-L inverts the register on the way in and out; Redis does not.
std::uint64_t crc64(std::uint64_t so_far, std::string_view bytes) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  return ~crc64_jones_refl(~so_far, data, bytes.size());
}

}  // namespace sluice::rdb
