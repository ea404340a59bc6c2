#include "hop/compressed_stream.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::hop {

rt::Task<Result<std::size_t>> CompressedStream::read_some(std::span<char> into) {
  const auto count = co_await read_or_end(into);
  if (!count || *count > 0) co_return count;
  stream_->close(Errc::kDisconnected);
  co_return fail(Errc::kDisconnected, stream_->peer() + ": end of stream");
}

rt::Task<Result<std::size_t>> CompressedStream::read_or_end(std::span<char> into) {
  CHECK(!into.empty());
  while (at_ == decoded_.size()) {
    decoded_.clear();
    at_ = 0;
    if (reader_.has_ended()) co_return std::size_t{0};
    CO_TRY(const auto count, co_await stream_->read_or_end(piece_));
    if (count == 0) co_return std::size_t{0};
    if (auto taken = reader_.take({piece_.data(), count}, decoded_); !taken) {
      stream_->close(Errc::kDisconnected);
      co_return fail(Errc::kDisconnected, stream_->peer() + ": " + taken.error().detail);
    }
  }
  const auto count = decoded_.copy(into.data(), into.size(), at_);
  at_ += count;
  co_return count;
}

rt::Task<Result<>> CompressedStream::write(std::string_view bytes) {
  encoded_.clear();
  tunnel::append_compressed(encoded_, bytes, level_);
  co_return co_await stream_->write(encoded_);
}

rt::Task<Result<std::size_t>> CompressedStream::send_file(const rt::File& file, std::uint64_t at,
                                                          std::size_t count) {
  CHECK(count > 0);
  file_bytes_.resize(std::min(count, tunnel::kFieldBlockBytes));
  CO_TRY(const auto got, file.read_at(at, file_bytes_));
  if (got == 0) co_return fail(Errc::kCorrupt, "file ends before byte " + std::to_string(at));
  const auto bytes = std::string_view(file_bytes_).substr(0, got);
  CO_TRY_VOID(co_await write(bytes));
  co_return got;
}

}  // namespace sluice::hop
