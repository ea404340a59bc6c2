// What a role sees of a tunnel: an ordinary stream.
#pragma once

#include <string>

#include "hop/tunnel.h"

namespace sluice::hop {

// The tunnel is owned by Tunnels, which outlives every stream that it gave.
class TunnelStream final : public rt::Stream {
 public:
  explicit TunnelStream(Tunnel& tunnel) : tunnel_(tunnel) {}
  ~TunnelStream() override { tunnel_.let_go(); }

  rt::Task<Result<std::size_t>> read_some(std::span<char> into) override {
    return tunnel_.read_some(into);
  }
  rt::Task<Result<std::size_t>> read_or_end(std::span<char> into) override {
    return tunnel_.read_or_end(into);
  }
  rt::Task<Result<>> write(std::string_view bytes) override { return tunnel_.write(bytes); }
  Result<std::size_t> write_now(std::string_view bytes) override {
    return tunnel_.write_now(bytes);
  }
  rt::Task<Result<>> end_writes() override { co_return tunnel_.end_writes(); }
  rt::Task<Result<std::size_t>> send_file(const rt::File& file, std::uint64_t at,
                                          std::size_t count) override {
    return tunnel_.send_file(file, at, count);
  }
  void close(Errc why) override { tunnel_.close(why); }
  std::string peer() const override { return tunnel_.peer(); }
  std::string local() const override { return tunnel_.local(); }
  std::uint64_t unsent_bytes() const override { return tunnel_.stats().held_to_send; }
  std::optional<rt::TcpFigures> figures() const override { return tunnel_.figures(); }

  // The answer to the peer's ROUTE, to be given once; one that is not ok ends the tunnel.
  void answer(const tunnel::Answer& answer) { tunnel_.answer(answer); }
  tunnel::SessionStats stats() const { return tunnel_.stats(); }

 private:
  Tunnel& tunnel_;
};

}  // namespace sluice::hop
