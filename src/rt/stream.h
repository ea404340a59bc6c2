// A byte stream between two processes: TCP and TLS in production, memory in simulation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rt/file.h"
#include "rt/peer_identity.h"
#include "rt/task.h"
#include "rt/tcp_figures.h"

namespace sluice::rt {

// Owned by one core; one reader and one writer may be in flight at a time, and none when it is
// destroyed. A task that is served at once every time still yields to others now and then.
// Failures are kDisconnected, kTimedOut or kCancelled, and are final: the stream is then closed. Where a
// write has failed, reads may still give what the peer sent before, which often says why.
class Stream {
 public:
  virtual ~Stream() = default;

  // Waits for at least one byte. An orderly end of stream is kDisconnected.
  //
  // `into` is written in the instant before the task resumes. So the tasks of one core may all
  // read into one shared buffer, as long as each uses its bytes before it awaits anything.
  virtual Task<Result<std::size_t>> read_some(std::span<char> into) = 0;

  // As read_some(), but an orderly end is 0 bytes and leaves the other direction open.
  virtual Task<Result<std::size_t>> read_or_end(std::span<char> into) = 0;

  // Returns once the kernel has taken all of `bytes`, which must stay alive until then.
  virtual Task<Result<>> write(std::string_view bytes) = 0;

  // How many of `bytes` could be taken without waiting, perhaps none: so that whoever reads into
  // the core's shared buffer copies only what has to wait. The rest goes to write(), with no bytes
  // put before it.
  virtual Result<std::size_t> write_now(std::string_view bytes) = 0;

  // Sends up to `count` bytes of `file` from `at` without copying them through this process where
  // that is possible. Returns how many were sent, at least one. With kCorrupt (the file ends before
  // `at` + 1) and kDiskFailed nothing was sent and the stream is still open.
  virtual Task<Result<std::size_t>> send_file(const File& file, std::uint64_t at,
                                              std::size_t count) = 0;

  // Tells the peer that nothing more comes; reading goes on. After the last write.
  virtual Task<Result<>> end_writes() = 0;

  // Ends the stream: what is in flight fails with `why`. May be called more than once.
  virtual void close(Errc why = Errc::kCancelled) = 0;

  // Addresses for people and logs: "10.0.0.7:6379".
  virtual std::string peer() const = 0;
  virtual std::string local() const = 0;

  // Bytes that the kernel holds for the peer and the peer has not acknowledged; 0 where unknown.
  virtual std::uint64_t unsent_bytes() const = 0;

  // Of the verified certificate that the peer showed; nothing without TLS or without one.
  virtual std::optional<PeerIdentity> identity() const { return std::nullopt; }

  // Nothing where there is no kernel socket, or it is closed.
  virtual std::optional<TcpFigures> figures() const { return std::nullopt; }

  // For a connection that sends less than its path takes: BBR then need not stop every ten seconds to see
  // how short the path is when empty (PROBE_RTT of Linux' net/ipv4/tcp_bbr.c), which holds up what was
  // lost at that moment. Its ten seconds begin anew; other congestion controls are left alone.
  virtual void put_off_probe() {}

  // What SocketTuning::unsent_low_bytes says, from now on.
  virtual void set_unsent_low(std::uint32_t /*bytes*/) {}
};

}  // namespace sluice::rt
