// A stream over a TCP socket: tries each call at once and waits only if it would block.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rt/descriptor.h"
#include "rt/stream.h"
#include "rt/tap.h"

namespace sluice::rt {

// A task whose calls never block would keep its core to itself. So it is made to yield after a
// number of calls that were served at once.
class Turn {
 public:
  // True each time the caller should yield before its next call.
  bool is_over() {
    if (++served_ < kCalls) return false;
    served_ = 0;
    return true;
  }
  void begin() { served_ = 0; }

 private:
  static constexpr int kCalls = 16;
  int served_ = 0;
};

class TcpStream : public Stream, public Tappable {
 public:
  // `fd` is a connected, non-blocking socket, tuned by whoever made it.
  TcpStream(Loop& loop, UniqueFd fd);

  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  Task<Result<std::size_t>> read_or_end(std::span<char> into) override;
  Task<Result<>> write(std::string_view bytes) override;
  Result<std::size_t> write_now(std::string_view bytes) override;
  Task<Result<std::size_t>> send_file(const File& file, std::uint64_t at,
                                      std::size_t count) override;
  Task<Result<>> end_writes() override;
  void close(Errc why) override;
  std::string peer() const override { return peer_; }
  std::string local() const override { return local_; }
  std::uint64_t unsent_bytes() const override;
  std::optional<TcpFigures> figures() const override;
  void put_off_probe() override;
  void set_unsent_low(std::uint32_t bytes) override;
  std::unique_ptr<Tap> tap() override;

 private:
  enum class AtEnd : std::uint8_t { kFail, kGiveZero };

  Task<Result<std::size_t>> read(std::span<char> into, AtEnd at_end);
  tl::unexpected<Error> closed_error() const;
  tl::unexpected<Error> end(std::string why);
  tl::unexpected<Error> end_of_writes(std::string why);
  tl::unexpected<Error> end_of_reads(std::string why);
  bool is_writable() const { return !closed_ && !write_failure_; }
  void close_socket();

  Loop& loop_;
  mutable Descriptor socket_;
  std::string peer_;
  std::string local_;
  std::optional<Error> closed_;
  std::optional<Error> write_failure_;
  bool is_tapped_ = false;
  Turn reads_;
  Turn writes_;
};

// How many bytes the kernel holds that the peer of `fd` has not acknowledged.
std::uint64_t unacknowledged_bytes(int fd);

}  // namespace sluice::rt
