// When a connection of a tunnel is made anew because its TCP repairs what is lost late.
#pragma once

#include "tunnel/limits.h"

namespace sluice::tunnel {

// A TCP that has once seen packets overtake each other waits a quarter of the least round trip, or more,
// before it sends again what is missing, for all its life (reo_wnd of RFC 8985, tcp_rack_reo_wnd() of
// Linux' tcp_recovery.c). On a path that loses packets, acks among them, sooner or later each has seen what
// looks like that: an ack whose SACK told of a packet between two holes was lost, and what it told is only
// known once the first hole has been filled. A new connection has not. Where packets do overtake each
// other it soon has, so it is tried ever less often.
class Renewal {
 public:
  static constexpr Time kPauseMin = std::chrono::seconds(5);
  static constexpr Time kPauseMax = std::chrono::minutes(10);
  static constexpr Time kSoon = std::chrono::seconds(30);  // after a connection has been made

  bool is_due(Time now) const { return now >= due_; }
  // One that has been there for so long is made anew.
  void renewed(Time age, Time now);

 private:
  Time pause_ = kPauseMin;
  Time due_{0};
};

}  // namespace sluice::tunnel
