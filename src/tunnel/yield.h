// How a bulk tunnel makes room for small ones on the same link: it keeps the link's queue short.
#pragma once

#include <cstdint>
#include <optional>

#include "tunnel/limits.h"

namespace sluice::tunnel {

// Congestion controls such as BBR fill a link's queue, where small tunnels then wait as long as bulk
// does, and lose what does not fit. While there are any, bulk is held to a rate at which the round trip
// stays near its least: slowly up while it is, down when it grows. Alone it takes all there is.
class Yield {
 public:
  static constexpr Time kInterval = std::chrono::milliseconds(250);

  // A tunnel begins to send as much as it can, where it has given so much at its best: it takes room by
  // steps, since connections that find their rate for themselves first take several times what there is.
  void begin(std::uint64_t best_bytes_s);
  bool is_on() const { return limit_.has_value(); }

  struct Seen {
    std::uint64_t delivered_bytes_s = 0;
    std::uint64_t sent_bytes_s = 0;  // since it was measured last
    Time round_trip{0};              // of its connections, now and at its least
    Time least{0};
  };
  // Once per interval of a tunnel that sends as much as it can.
  void measure(const Seen& seen);
  void stop() { limit_.reset(); }

  // Bytes a second; absent: all there is.
  std::optional<std::uint64_t> limit() const { return limit_; }

 private:
  void ramp(const Seen& seen, bool is_queueing);

  std::optional<std::uint64_t> limit_;
  bool is_ramping_ = false;
  std::uint64_t before_ = 0;  // the limit of the step before
  int since_less_ = 0;        // intervals: what a lower rate does is seen after a round trip or two
};

// Hands out a rate in pieces.
class Bucket {
 public:
  // Absent: no limit.
  void set_rate(std::optional<std::uint64_t> bytes_s, Time now);
  bool has_any(Time now) const { return !bytes_s_ || now >= free_at_; }
  void take(std::uint64_t bytes, Time now);
  // When has_any() will hold; absent: it does, whatever is taken.
  std::optional<Time> free_at() const;

 private:
  std::optional<std::uint64_t> bytes_s_;
  Time free_at_{0};
};

}  // namespace sluice::tunnel
