#include "tunnel/block_codec.h"

#include <algorithm>
#include <zstd.h>

#include "base/check.h"

namespace sluice::tunnel {

namespace {

// What both sides remember of a stream. Replication streams repeat themselves within little, and
// every busy tunnel of a relay pays for this twice.
constexpr int kWindowLog = 18;

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)));
}

}  // namespace

void BlockEncoder::Free::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

void BlockDecoder::Free::operator()(ZSTD_DCtx_s* context) const {
  ZSTD_freeDCtx(context);
}

void BlockEncoder::passed(std::size_t count) {
  passing_ -= std::min(passing_, count);
}

Encoded BlockEncoder::encode(std::string_view block, std::string& to) {
  CHECK(!block.empty() && block.size() <= kBlockBytesMax);
  Encoded encoded{.flags = kZstd, .extra = static_cast<std::uint16_t>(block.size() - 1)};
  if (!context_) {
    context_.reset(ZSTD_createCCtx());
    CHECK(context_);
    set(context_.get(), ZSTD_c_compressionLevel, options_.level);
    set(context_.get(), ZSTD_c_windowLog, kWindowLog);
    encoded.flags |= kFresh;
  }
  const std::size_t before = to.size();
  to.resize(before + std::min(ZSTD_compressBound(block.size()) + 64, kPayloadBytesMax));
  ZSTD_inBuffer in{block.data(), block.size(), 0};
  ZSTD_outBuffer out{to.data() + before, to.size() - before, 0};
  const auto left = ZSTD_compressStream2(context_.get(), &out, &in, ZSTD_e_flush);
  CHECK(left == 0 && in.pos == in.size);  // the room above holds any flushed block
  to.resize(before + out.pos);
  judge(block.size(), out.pos);
  return encoded;
}

// Already compressed values are common in caches. A block that has been compressed must be sent so,
// since later blocks may refer to it; but those that follow need not cost anything.
void BlockEncoder::judge(std::size_t raw, std::size_t encoded) {
  if (raw < kSampleBytes) return;
  if (encoded < raw - raw / 16) {
    pass_next_ = kPassBytes;
    return;
  }
  passing_ = pass_next_;
  pass_next_ = std::min(pass_next_ * 2, kPassBytesMax);
}

void BlockEncoder::forget() {
  context_.reset();
  passing_ = kFirstBytes;
  pass_next_ = kPassBytes;
}

Result<> BlockDecoder::decode(const Frame& frame, std::string& to) {
  if ((frame.header.flags & kZstd) == 0) {
    to.append(frame.payload);
    return {};
  }
  if ((frame.header.flags & kFresh) != 0) {
    if (!context_) context_.reset(ZSTD_createDCtx());
    CHECK(context_);
    CHECK(!ZSTD_isError(ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only)));
    CHECK(!ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLog)));
  }
  if (!context_) return fail(Errc::kProtocol, "a compressed block continues nothing");
  const std::size_t raw = std::size_t{frame.header.extra} + 1;
  const std::size_t before = to.size();
  to.resize(before + raw);
  ZSTD_inBuffer in{frame.payload.data(), frame.payload.size(), 0};
  ZSTD_outBuffer out{to.data() + before, raw, 0};
  const auto outcome = ZSTD_decompressStream(context_.get(), &out, &in);
  if (ZSTD_isError(outcome)) {
    return fail(Errc::kProtocol,
                std::string("a compressed block is damaged: ") + ZSTD_getErrorName(outcome));
  }
  if (out.pos != raw || in.pos != in.size) {
    return fail(Errc::kProtocol, "a compressed block has another length than its header says");
  }
  return {};
}

}  // namespace sluice::tunnel
