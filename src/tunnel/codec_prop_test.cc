#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tunnel/block_codec.h"
#include "tunnel/compressed.h"

namespace sluice::tunnel {
namespace {

std::string noise(std::size_t count, std::uint64_t seed) {
  std::string bytes(count, '\0');
  for (auto& byte : bytes) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(seed >> 56);
  }
  return bytes;
}

// A block as a frame on its way.
Frame frame_of(BlockEncoder& encoder, const std::string& block) {
  Frame frame;
  frame.header.type = FrameType::kData;
  if (encoder.passes()) {
    encoder.passed(block.size());
    frame.payload = block;
    return frame;
  }
  const auto encoded = encoder.encode(block, frame.payload);
  frame.header.flags = encoded.flags;
  frame.header.extra = encoded.extra;
  return frame;
}

RC_GTEST_PROP(BlockCodec, GivesBackEveryBlock, (const std::vector<std::string>& blocks)) {
  BlockEncoder encoder({});
  BlockDecoder decoder;
  for (const auto& drawn : blocks) {
    auto block = drawn + "x";
    if (*rc::gen::inRange(0, 4) == 0) block += noise(*rc::gen::inRange<std::size_t>(0, 65'000), 3);
    std::string decoded;
    RC_ASSERT(decoder.decode(frame_of(encoder, block), decoded).has_value());
    RC_ASSERT(decoded == block);
    if (*rc::gen::inRange(0, 8) == 0) {
      encoder.forget();
      decoder.forget();
    }
  }
}

TEST(BlockCodec, LetsIncompressibleBytesPassAndTriesAgainLater) {
  BlockEncoder encoder({});
  std::size_t compressed = 0;
  std::size_t bytes = 0;
  for (std::uint64_t n = 0; bytes < 4 * BlockEncoder::kPassBytes; ++n) {
    const auto block = noise(kBlockBytesMax, n);
    bytes += block.size();
    const auto frame = frame_of(encoder, block);
    if ((frame.header.flags & kZstd) != 0) ++compressed;
    EXPECT_LE(frame.payload.size(), kPayloadBytesMax);
  }
  EXPECT_GE(compressed, 2U);
  EXPECT_LE(compressed, 4U);
  const std::string text(kBlockBytesMax, 'x');
  for (bytes = 0; bytes < BlockEncoder::kPassBytesMax && encoder.passes(); bytes += text.size()) {
    (void)frame_of(encoder, text);
  }
  EXPECT_LT(frame_of(encoder, text).payload.size(), 1000U);
  EXPECT_LT(frame_of(encoder, text).payload.size(), 1000U) << "and goes on so";
}

TEST(BlockCodec, RefersToWhatWentBefore) {
  BlockEncoder encoder({});
  encoder.passed(BlockEncoder::kFirstBytes);
  const auto block = noise(1000, 7);
  EXPECT_GT(frame_of(encoder, block).payload.size(), 900U);
  EXPECT_LT(frame_of(encoder, block).payload.size(), 100U);
}

RC_GTEST_PROP(Compressed, IsReadBackHoweverItIsSplit, (const std::string& drawn)) {
  const auto count = *rc::gen::inRange<std::size_t>(0, 150'000);
  const auto bytes =
      drawn + (*rc::gen::arbitrary<bool>() ? noise(count, 5) : std::string(count, 'y'));
  std::string wire;
  append_compressed(wire, bytes, 1);
  CompressedReader reader;
  std::string read;
  for (std::size_t at = 0; at < wire.size();) {
    const auto step = *rc::gen::inRange<std::size_t>(1, 40'000);
    RC_ASSERT(reader.take(std::string_view(wire).substr(at, step), read).has_value());
    at += step;
  }
  RC_ASSERT(read == bytes);
}

// As XPipe's ZstdEncoder writes them: a plain block of up to 64 bytes has token 0x10.
TEST(Compressed, ReadsTheFieldsSmallBlocksAndItsEnd) {
  const std::string wire(
      "ZSTD\x10\x03\0\0\0\x03\0\0\0\x27\x01\x4d\x02"
      "abc"
      "ZSTD\x16\0\0\0\0\0\0\0\0\0\0\0\0"
      "ignored",
      44);
  CompressedReader reader;
  std::string read;
  ASSERT_TRUE(reader.take(wire, read));
  EXPECT_EQ(read, "abc");
  EXPECT_TRUE(reader.has_ended());
}

TEST(BlockCodec, MakesNoContextForATunnelThatCarriesLittle) {
  BlockEncoder encoder({});
  for (std::size_t sent = 0; sent < BlockEncoder::kFirstBytes; sent += 1024) {
    EXPECT_EQ(frame_of(encoder, std::string(1024, 'x')).payload.size(), 1024U);
  }
  EXPECT_TRUE(encoder.is_fresh());
  EXPECT_LT(frame_of(encoder, std::string(1024, 'x')).payload.size(), 100U);
}

TEST(Compressed, RefusesAnotherBeginningAtItsFirstWrongByte) {
  std::string read;
  CompressedReader other;
  EXPECT_FALSE(other.take("*", read));
  CompressedReader nearly;
  EXPECT_TRUE(nearly.take("ZST", read));
  EXPECT_FALSE(nearly.take("X", read));
}

TEST(Compressed, RefusesWhatIsDamagedOrTooLarge) {
  std::string wire;
  append_compressed(wire, std::string(1000, 'x'), 1);
  for (std::size_t at = 0; at < wire.size(); ++at) {
    auto damaged = wire;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x81);
    CompressedReader reader;
    std::string read;
    const bool is_taken = reader.take(damaged, read).has_value();
    EXPECT_FALSE(is_taken && read == std::string(1000, 'x') && at > 4) << at;
  }
  const std::string bomb("ZSTD\x2f\x10\0\0\0\0\0\0\x02\0\0\0\0", 17);
  std::string read;
  EXPECT_FALSE(CompressedReader().take(bomb, read));
}

}  // namespace
}  // namespace sluice::tunnel
