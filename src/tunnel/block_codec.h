// One direction's compression: blocks of the stream into payloads of kData frames and back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tunnel/frame.h"

// Of zstd.h, which only block_codec.cc includes.
struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace sluice::tunnel {

struct CompressionOptions {
  bool is_enabled = true;
  int level = 1;  // of zstd
};

// A payload, and how its frame is to say what it is.
struct Encoded {
  std::uint8_t flags = 0;
  std::uint16_t extra = 0;
};

// All blocks of a direction are one zstd stream, flushed behind each block, so that a block may
// refer to what went before it. When blocks do not get smaller, it lets the bytes that follow pass
// as they are, and tries again later.
class BlockEncoder {
 public:
  static constexpr std::size_t kPassBytes = 1 << 20;      // after blocks that did not get smaller
  static constexpr std::size_t kPassBytesMax = 16 << 20;  // ... again and again
  static constexpr std::size_t kSampleBytes = 4096;       // smaller blocks say little
  // What a stream carries before it is compressed: the contexts of both sides take more memory than a
  // tunnel that carries little is worth.
  static constexpr std::size_t kFirstBytes = 16 * 1024;

  explicit BlockEncoder(CompressionOptions options) : options_(options) {}

  // Whether the next block goes as it is. Then tell of it instead of encoding it.
  bool passes() const { return !options_.is_enabled || passing_ > 0; }
  void passed(std::size_t count);

  // Appends `block`, of 1 to kBlockBytesMax bytes, to `to`.
  Encoded encode(std::string_view block, std::string& to);

  // Frees what it remembers: the next block starts a stream anew. Only once all that was encoded
  // has been decoded, so that the other side may free its part too.
  void forget();
  bool is_fresh() const { return !context_; }

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  void judge(std::size_t raw, std::size_t encoded);

  CompressionOptions options_;
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  std::size_t passing_ = kFirstBytes;  // still to pass as they are
  std::size_t pass_next_ = kPassBytes;
};

class BlockDecoder {
 public:
  // Appends the block to `to`. kProtocol unless it is exactly what the header says.
  Result<> decode(const Frame& frame, std::string& to);

  void forget() { context_.reset(); }

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
};

}  // namespace sluice::tunnel
