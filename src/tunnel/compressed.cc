#include "tunnel/compressed.h"

#include <algorithm>
#include <zstd.h>

#include "base/check.h"

namespace sluice::tunnel {

namespace {

constexpr std::string_view kMagic = "ZSTD";
constexpr std::uint8_t kPlain = 0x10;
constexpr std::uint8_t kZstdBlock = 0x20;
constexpr int kTokenBase = 10;          // a length is at most 2^(low half + this)
constexpr std::uint8_t kTokenOf64 = 6;  // for kFieldBlockBytes
constexpr std::size_t kTooSmall = 64;   // to be worth compressing

// RFC 1950, 8.2.
std::uint32_t adler32(std::string_view bytes) {
  constexpr std::uint32_t kBase = 65521;
  constexpr std::size_t kRun = 5552;  // sums of so many bytes do not overflow
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  while (!bytes.empty()) {
    for (const char c : bytes.substr(0, kRun)) {
      a += static_cast<unsigned char>(c);
      b += a;
    }
    a %= kBase;
    b %= kBase;
    bytes.remove_prefix(std::min(kRun, bytes.size()));
  }
  return b << 16 | a;
}

void append_u32(std::string& to, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) to += static_cast<char>(value >> shift);
}

std::uint32_t read_u32(const char* at) {
  std::uint32_t value = 0;
  for (int byte = 3; byte >= 0; --byte) value = value << 8 | static_cast<unsigned char>(at[byte]);
  return value;
}

void append_block(std::string& to, std::string_view block, int level) {
  std::string compressed;
  if (block.size() > kTooSmall) {
    compressed.resize(ZSTD_compressBound(block.size()));
    const auto size =
        ZSTD_compress(compressed.data(), compressed.size(), block.data(), block.size(), level);
    CHECK(!ZSTD_isError(size));
    compressed.resize(size);
  }
  const bool is_smaller = !compressed.empty() && compressed.size() < block.size();
  const std::string_view body = is_smaller ? std::string_view(compressed) : block;
  to += kMagic;
  to += static_cast<char>((is_smaller ? kZstdBlock : kPlain) | kTokenOf64);
  append_u32(to, static_cast<std::uint32_t>(body.size()));
  append_u32(to, static_cast<std::uint32_t>(block.size()));
  append_u32(to, adler32(block));
  to += body;
}

}  // namespace

void append_compressed(std::string& to, std::string_view bytes, int level) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kFieldBlockBytes, bytes.size()))) {
    append_block(to, bytes.substr(0, kFieldBlockBytes), level);
  }
}

Result<> CompressedReader::take(std::string_view bytes, std::string& to) {
  while (!bytes.empty() && !has_ended_) {
    const std::size_t wanted = header_ ? header_->compressed : kFieldHeaderBytes;
    const auto piece = bytes.substr(0, wanted - pending_.size());
    pending_.append(piece);
    bytes.remove_prefix(piece.size());
    const bool has_begun_well = pending_.starts_with(kMagic.substr(0, pending_.size()));
    if (!header_ && !has_begun_well) {
      return fail(Errc::kProtocol, "a compressed frame does not start with ZSTD");
    }
    if (pending_.size() < wanted) return {};
    if (header_) {
      TRY_VOID(take_block(to));
    } else {
      TRY_VOID(take_header());
    }
    pending_.clear();
  }
  return {};
}

Result<> CompressedReader::take_header() {
  const auto token = static_cast<std::uint8_t>(pending_[4]);
  const auto type = token & 0xf0;
  const Header header{.is_compressed = type == kZstdBlock,
                      .compressed = read_u32(pending_.data() + 5),
                      .raw = read_u32(pending_.data() + 9),
                      .checksum = read_u32(pending_.data() + 13)};
  if (header.raw == 0 && header.compressed == 0) {
    has_ended_ = true;
    return {};
  }
  const auto allowed =
      std::min<std::size_t>(kFieldBlockBytesMax, std::size_t{1} << ((token & 0x0f) + kTokenBase));
  const bool fits = header.raw > 0 && header.raw <= allowed && header.compressed > 0 &&
                    header.compressed <= ZSTD_compressBound(allowed);
  const bool is_plain = type == kPlain && header.compressed == header.raw;
  if (!fits || !(header.is_compressed || is_plain)) {
    return fail(Errc::kProtocol, "a compressed frame of type " + std::to_string(type >> 4) +
                                     " has " + std::to_string(header.compressed) + " bytes for " +
                                     std::to_string(header.raw) + ": at most " +
                                     std::to_string(allowed) + " are taken");
  }
  header_ = header;
  return {};
}

Result<> CompressedReader::take_block(std::string& to) {
  const Header header = *header_;
  header_.reset();
  const std::size_t before = to.size();
  if (header.is_compressed) {
    to.resize(before + header.raw);
    const auto size =
        ZSTD_decompress(to.data() + before, header.raw, pending_.data(), pending_.size());
    if (ZSTD_isError(size) || size != header.raw) {
      return fail(Errc::kProtocol, "a compressed frame is damaged, or not of the length it says");
    }
  } else {
    to.append(pending_);
  }
  if (adler32(std::string_view(to).substr(before)) == header.checksum) return {};
  return fail(Errc::kProtocol, "a compressed frame's checksum differs");
}

}  // namespace sluice::tunnel
