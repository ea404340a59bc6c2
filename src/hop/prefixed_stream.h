// A stream of which some bytes have been read already.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "rt/stream.h"

namespace sluice::hop {

// Gives `prefix` first, then what `stream` gives.
class PrefixedStream final : public rt::Stream {
 public:
  PrefixedStream(std::string prefix, std::unique_ptr<rt::Stream> stream)
      : prefix_(std::move(prefix)), stream_(std::move(stream)) {}

  rt::Task<Result<std::size_t>> read_some(std::span<char> into) override {
    if (prefix_.empty()) co_return co_await stream_->read_some(into);
    co_return take_prefix(into);
  }
  rt::Task<Result<std::size_t>> read_or_end(std::span<char> into) override {
    if (prefix_.empty()) co_return co_await stream_->read_or_end(into);
    co_return take_prefix(into);
  }
  rt::Task<Result<>> write(std::string_view bytes) override { return stream_->write(bytes); }
  Result<std::size_t> write_now(std::string_view bytes) override {
    return stream_->write_now(bytes);
  }
  rt::Task<Result<>> end_writes() override { return stream_->end_writes(); }
  rt::Task<Result<std::size_t>> send_file(const rt::File& file, std::uint64_t at,
                                          std::size_t count) override {
    return stream_->send_file(file, at, count);
  }
  void close(Errc why) override {
    prefix_ = {};
    stream_->close(why);
  }
  std::string peer() const override { return stream_->peer(); }
  std::string local() const override { return stream_->local(); }
  std::uint64_t unsent_bytes() const override { return stream_->unsent_bytes(); }
  std::optional<rt::PeerIdentity> identity() const override { return stream_->identity(); }
  std::optional<rt::TcpFigures> figures() const override { return stream_->figures(); }
  void put_off_probe() override { stream_->put_off_probe(); }
  void set_unsent_low(std::uint32_t bytes) override { stream_->set_unsent_low(bytes); }

 private:
  std::size_t take_prefix(std::span<char> into) {
    const auto count = prefix_.copy(into.data(), into.size());
    prefix_.erase(0, count);
    return count;
  }

  std::string prefix_;
  std::unique_ptr<rt::Stream> stream_;
};

}  // namespace sluice::hop
