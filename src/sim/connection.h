// A TCP connection between two simulated processes: two directions of bytes under way.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/endpoint.h"
#include "rt/parked.h"
#include "rt/stream.h"
#include "sim/host.h"

namespace sluice::sim {

class Network;

// Shared by the streams at its ends, either of which may go first, and by what is under way.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct End {
    Machine* machine;
    Host* host;
    base::Endpoint address;
  };

  Connection(Network& network, std::uint64_t number, std::array<End, 2> ends);

  const End& end(int side) const { return ends_[index(side)]; }

  // The stream of a side, to be made once.
  std::unique_ptr<rt::Stream> open(int side);

  // Both sides fail with kDisconnected.
  void reset();
  // The link may be usable again: what waits is sent again.
  void resume();
  // A machine is back without this connection: it resets what the other side sends.
  void peer_forgot(int side);

 private:
  class Stream;
  class Tap;
  friend class Stream;

  struct Piece {
    rt::Instant arrives;
    std::string bytes;
    bool is_end = false;
  };

  // The way to one side. A writer may have `window` bytes sent and not yet read there.
  struct Way {
    std::deque<Piece> flying;
    bool is_armed = false;
    rt::Instant line_free;  // when the line has taken what was sent so far
    std::string arrived;    // from `read` on not yet read
    std::size_t read = 0;
    bool has_ended = false;
    std::size_t window = 0;
    std::size_t outstanding = 0;
    std::size_t unarrived = 0;

    std::size_t readable() const { return arrived.size() - read; }
  };

  static std::size_t index(int side) { return static_cast<std::size_t>(side); }
  Way& way_to(int side) { return ways_[index(side)]; }

  void send(int from, std::string bytes, bool is_end);
  void arm(int to);
  void deliver(int to);
  void send_reset(int to);
  void fail_side(int side, Errc why, const std::string& what);

  Network& network_;
  std::uint64_t number_;
  std::array<End, 2> ends_;
  std::array<Way, 2> ways_;
  std::array<Stream*, 2> streams_{};  // null: not open yet, or destroyed
  std::array<bool, 2> was_opened_{};
};

}  // namespace sluice::sim
