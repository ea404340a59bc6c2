// The field's compressed frames, as its relays send them behind "CONTENT COMPRESS ZSTD 1.0".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::tunnel {

//   "ZSTD" | token u8 | compressed length u32 | length u32 | Adler-32 of the bytes u32 | block
//
// Numbers are little-endian. The token's high half is 1 for a block that is not compressed, 2 for
// one that is, alone, with zstd; its low half n allows a length of up to 2^(n + 10). Lengths of 0
// end the stream. Source: ZstdEncoder and ZstdDecoder of XPipe's redis-proxy, whose blocks are of
// 64 KiB at most.
inline constexpr std::size_t kFieldHeaderBytes = 17;
inline constexpr std::size_t kFieldBlockBytes = 64 * 1024;      // that we write
inline constexpr std::size_t kFieldBlockBytesMax = 256 * 1024;  // that we take

// Appends `bytes` to `to` as frames.
void append_compressed(std::string& to, std::string_view bytes, int level);

// Memory: one block, once its length has been judged.
class CompressedReader {
 public:
  // Takes all of `bytes` and appends what they hold to `to`. kProtocol if they are no such frames.
  Result<> take(std::string_view bytes, std::string& to);

  // The peer has said that nothing follows.
  bool has_ended() const { return has_ended_; }

 private:
  struct Header {
    bool is_compressed = false;
    std::uint32_t compressed = 0;
    std::uint32_t raw = 0;
    std::uint32_t checksum = 0;
  };
  Result<> take_header();
  Result<> take_block(std::string& to);

  std::optional<Header> header_;  // of the block that is being taken
  std::string pending_;
  bool has_ended_ = false;
};

}  // namespace sluice::tunnel
