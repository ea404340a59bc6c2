// A stream to a relay of the field that asked for CONTENT COMPRESS ZSTD 1.0.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "rt/stream.h"
#include "tunnel/compressed.h"

namespace sluice::hop {

// Compresses what is written, and decompresses what is read, block by block.
class CompressedStream final : public rt::Stream {
 public:
  CompressedStream(std::unique_ptr<rt::Stream> stream, int level)
      : stream_(std::move(stream)), level_(level) {}

  rt::Task<Result<std::size_t>> read_some(std::span<char> into) override;
  rt::Task<Result<std::size_t>> read_or_end(std::span<char> into) override;
  rt::Task<Result<>> write(std::string_view bytes) override;
  // What is encoded has to be sent, and the stream may not take it at once.
  Result<std::size_t> write_now(std::string_view) override { return std::size_t{0}; }
  rt::Task<Result<>> end_writes() override { return stream_->end_writes(); }
  rt::Task<Result<std::size_t>> send_file(const rt::File& file, std::uint64_t at,
                                          std::size_t count) override;
  void close(Errc why) override { stream_->close(why); }
  std::string peer() const override { return stream_->peer(); }
  std::string local() const override { return stream_->local(); }
  std::uint64_t unsent_bytes() const override { return stream_->unsent_bytes(); }
  std::optional<rt::PeerIdentity> identity() const override { return stream_->identity(); }
  std::optional<rt::TcpFigures> figures() const override { return stream_->figures(); }
  void put_off_probe() override { stream_->put_off_probe(); }
  void set_unsent_low(std::uint32_t bytes) override { stream_->set_unsent_low(bytes); }

 private:
  static constexpr std::size_t kPieceBytes = 16 * 1024;

  std::unique_ptr<rt::Stream> stream_;
  int level_;
  tunnel::CompressedReader reader_;
  std::array<char, kPieceBytes> piece_{};
  std::string decoded_;  // from at_ on not yet read
  std::size_t at_ = 0;
  std::string encoded_;
  std::string file_bytes_;
};

}  // namespace sluice::hop
