// What the kernel knows of a TCP connection: TCP_INFO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rt/clock.h"

namespace sluice::rt {

struct TcpFigures {
  Duration rtt{0};      // smoothed
  Duration rtt_var{0};  // its mean deviation
  Duration rtt_min{0};
  std::uint64_t retransmits = 0;       // segments sent again since the connection was made
  std::uint64_t reorderings = 0;       // segments that seemed to come after later ones
  std::uint64_t delivery_bytes_s = 0;  // most recent rate at which the peer took our bytes
  bool is_app_limited = false;         // that rate was limited by us, not by the path
  std::uint64_t cwnd_bytes = 0;        // congestion window
  std::uint64_t unacked_bytes = 0;     // under way: sent and not acknowledged
  std::uint64_t unsent_bytes = 0;      // written and not sent
  std::uint64_t acked_bytes = 0;       // since the connection was made
  std::uint64_t arrived_bytes = 0;     // the same, and what has come behind a hole
  std::uint64_t received_bytes = 0;
  std::string congestion_control;
};

// Nothing if `fd` is not a TCP socket. A microsecond or two.
std::optional<TcpFigures> tcp_figures(int fd);

}  // namespace sluice::rt
