// Frames of the field's compression, of any bytes: refused, or read within their limit.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "tunnel/compressed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  namespace tunnel = sluice::tunnel;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  std::string_view text{reinterpret_cast<const char*>(bytes), count};
  tunnel::CompressedReader reader;
  while (!text.empty()) {
    std::string read;
    const auto piece = text.substr(0, 100);
    text.remove_prefix(piece.size());
    const bool is_taken = reader.take(piece, read).has_value();
    CHECK(read.size() <= 6 * tunnel::kFieldBlockBytesMax);  // headers of 17 bytes in 100
    if (!is_taken) return 0;
  }
  return 0;
}
