// The frames of Sluice's own transport, and taking them off the front of a connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::tunnel {

//   type u8 | flags u8 | extra u16 | length u32 | number u64 | <length bytes>      little-endian
//
//   kData    number: offset of its first byte in the direction's stream of encoded bytes
//            extra: with kZstd, one less than the length of the bytes when decoded
//   kAck     number: all below this offset has come
//            payload: u64 limit (no byte from this offset on may be sent), u64 payload bytes of kData
//            that have come on this stripe
//   kPing    number: any; kPong returns it
//            payload: nothing, or u64 offset: if nothing follows it, no later block refers to earlier
//   kAnswer  extra: code of answer.h; payload: "hop\ndetail"
//   kReset   the same; the tunnel ends at once
enum class FrameType : std::uint8_t {
  kData = 1,
  kAck = 2,
  kPing = 3,
  kPong = 4,
  kAnswer = 5,
  kReset = 6
};

// Flags of kData.
inline constexpr std::uint8_t kZstd = 1;   // the payload is a flushed part of a zstd stream
inline constexpr std::uint8_t kFresh = 2;  // ... and the first of a new one
inline constexpr std::uint8_t kLast = 4;   // the stream ends here; its one byte means nothing

inline constexpr std::size_t kHeaderBytes = 16;
inline constexpr std::size_t kBlockBytesMax = 64 * 1024;  // of a kData payload, when decoded
inline constexpr std::size_t kPayloadBytesMax = kBlockBytesMax + 1024;  // zstd may add a little
inline constexpr std::size_t kTextBytesMax = 1024;                      // of kAnswer and kReset
inline constexpr std::size_t kAckBytes = 16;
inline constexpr std::size_t kFreshPingBytes = 8;

struct Header {
  FrameType type{};
  std::uint8_t flags = 0;
  std::uint16_t extra = 0;
  std::uint32_t length = 0;
  std::uint64_t number = 0;

  friend bool operator==(const Header&, const Header&) = default;
};

struct Frame {
  Header header;
  std::string payload;

  friend bool operator==(const Frame&, const Frame&) = default;
};

void append(std::string& to, const Header& header);
void append_u64(std::string& to, std::uint64_t value);
std::uint64_t read_u64(const char* at);

// kProtocol for a type that does not exist or a length that its type does not have.
Result<Header> parse_header(std::string_view bytes);  // kHeaderBytes of them

// Memory: one frame, and that only once its length has been judged.
class FrameReader {
 public:
  // Takes from the front of `bytes` up to the end of one frame. Nothing: all was taken, and more is
  // needed. After an error the connection is of no use.
  Result<std::optional<Frame>> take(std::string_view& bytes);

 private:
  std::string header_bytes_;
  std::optional<Frame> frame_;
};

}  // namespace sluice::tunnel
