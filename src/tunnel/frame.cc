#include "tunnel/frame.h"

#include <algorithm>

namespace sluice::tunnel {

namespace {

template <typename Number>
void append_le(std::string& to, Number value) {
  for (std::size_t byte = 0; byte < sizeof value; ++byte) {
    to += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * byte));
  }
}

template <typename Number>
Number read_le(const char* at) {
  std::uint64_t value = 0;
  for (std::size_t byte = 0; byte < sizeof(Number); ++byte) {
    value |= std::uint64_t{static_cast<unsigned char>(at[byte])} << (8 * byte);
  }
  return static_cast<Number>(value);
}

bool fits(const Header& header) {
  switch (header.type) {
    case FrameType::kData:
      return header.length >= 1 && header.length <= kPayloadBytesMax;
    case FrameType::kAck:
      return header.length == kAckBytes;
    case FrameType::kPing:
      return header.length == 0 || header.length == kFreshPingBytes;
    case FrameType::kPong:
      return header.length == 0;
    case FrameType::kAnswer:
    case FrameType::kReset:
      return header.length <= kTextBytesMax;
  }
  return false;
}

}  // namespace

void append(std::string& to, const Header& header) {
  append_le(to, static_cast<std::uint8_t>(header.type));
  append_le(to, header.flags);
  append_le(to, header.extra);
  append_le(to, header.length);
  append_le(to, header.number);
}

void append_u64(std::string& to, std::uint64_t value) {
  append_le(to, value);
}

std::uint64_t read_u64(const char* at) {
  return read_le<std::uint64_t>(at);
}

Result<Header> parse_header(std::string_view bytes) {
  const Header header{.type = static_cast<FrameType>(bytes[0]),
                      .flags = read_le<std::uint8_t>(bytes.data() + 1),
                      .extra = read_le<std::uint16_t>(bytes.data() + 2),
                      .length = read_le<std::uint32_t>(bytes.data() + 4),
                      .number = read_le<std::uint64_t>(bytes.data() + 8)};
  if (fits(header)) return header;
  return fail(Errc::kProtocol, "no frame has type " +
                                   std::to_string(static_cast<int>(header.type)) + " and " +
                                   std::to_string(header.length) + " bytes");
}

Result<std::optional<Frame>> FrameReader::take(std::string_view& bytes) {
  if (!frame_) {
    const auto count = std::min(kHeaderBytes - header_bytes_.size(), bytes.size());
    header_bytes_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (header_bytes_.size() < kHeaderBytes) return std::nullopt;
    TRY(const auto header, parse_header(header_bytes_));
    header_bytes_.clear();
    frame_.emplace(Frame{header, {}});
    frame_->payload.reserve(header.length);
  }
  const auto count = std::min(frame_->header.length - frame_->payload.size(), bytes.size());
  frame_->payload.append(bytes.substr(0, count));
  bytes.remove_prefix(count);
  if (frame_->payload.size() < frame_->header.length) return std::nullopt;
  std::optional<Frame> whole(std::move(frame_));
  frame_.reset();
  return whole;
}

}  // namespace sluice::tunnel
