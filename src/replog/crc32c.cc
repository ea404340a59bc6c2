#include "replog/crc32c.h"

#include <algorithm>
#include <isa-l/crc.h>

namespace sluice::replog {

// ISA-L neither inverts its start nor its result, and takes the length as an int.
void Crc32c::extend(std::string_view bytes) {
  constexpr std::size_t kPieceMax = std::size_t{1} << 30;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, kPieceMax);
    // The library reads through a pointer that it forgot to declare const.
    auto* text = reinterpret_cast<unsigned char*>(const_cast<char*>(piece.data()));
    state_ = crc32_iscsi(text, static_cast<int>(piece.size()), state_);
    bytes.remove_prefix(piece.size());
  }
}

}  // namespace sluice::replog
