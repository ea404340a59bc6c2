// How a tunnel sends as much as it can, after a cut or for good: what the link carries, and no more.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "tunnel/limits.h"

namespace sluice::tunnel {

// After a cut every connection finds its rate anew, and at first each takes for its own what the link gives
// to all. Together they lose what the link's queue does not hold, a third of all, again and again, and
// everything waits for it. So they are given more by steps, and as soon as the queue grows they are held to
// what arrives: a link whose queue grows is full. Bulk goes on with that, so that BBR need not empty the path
// every ten seconds to see its round trip. If the queue stays whatever is sent it is others', and would
// starve who makes room for it: then everything is sent again as congestion control lets it.
class CatchUp {
 public:
  static constexpr Time kInterval = std::chrono::milliseconds(100);
  static constexpr Time kEndsAfter = std::chrono::seconds(1);     // without bytes that wait
  static constexpr Time kEndsQueueing = std::chrono::seconds(5);  // with a queue, whatever is sent
  static constexpr Time kFirst = std::chrono::seconds(5);         // while it finds the rate

  // Everything was silent, and something has been heard again; what was delivered before, at its best.
  void begin(std::uint64_t bytes_s, Time now);
  bool is_on() const { return is_on_; }
  Time began() const { return began_; }
  bool is_finding(Time now) const { return is_on_ && now - began_ < kFirst; }
  // It held back, and the queue stayed: it is others'.
  bool has_given_up() const { return has_given_up_; }

  struct Seen {
    std::uint64_t sent = 0;     // bytes so far, of those that the limit holds back
    std::uint64_t arrived = 0;  // bytes at the other end, since it was measured last
    Time round_trip{0};         // now, and at its least
    Time least{0};
    bool is_behind = false;  // more waits to be sent
  };
  // Once per interval.
  void measure(const Seen& seen, Time now);

  // Bytes a second; absent: all there is.
  std::optional<std::uint64_t> limit() const { return limit_; }

 private:
  void ramp(const Seen& seen, bool is_queueing, Time now);
  void grow(Time now);
  void note_arrived(std::uint64_t bytes, Time now);
  void hold_to(std::uint64_t carried, std::uint64_t parts);
  // Bytes a second: just now; or in the last second, apart from the holes that a connection leaves that
  // ends or waits for a timeout.
  std::uint64_t arrives() const;
  std::uint64_t arrives_steadily() const;
  bool is_full(bool is_queueing, const Seen& seen, Time now);

  bool is_on_ = false;
  bool has_given_up_ = false;
  Time short_{0};     // when the queue was short last
  Time queueing_{0};  // when there was one last
  Time began_{0};
  Time needed_{0};  // when bytes waited last
  Time stepped_{0};
  bool is_ramping_ = false;
  std::uint64_t sent_ = 0;  // at the beginning of this step
  std::uint64_t least_limit_ = 0;
  Time measured_{0};
  std::array<std::uint64_t, 10> arrived_{};  // a second, in the last intervals, the latest first
  std::uint64_t carries_ = 0;  // the link, when its queue was seen last; or before the cut
  std::optional<Time> queueing_since_{};
  std::optional<std::uint64_t> limit_;
};

}  // namespace sluice::tunnel
