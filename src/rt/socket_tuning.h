// How a TCP socket behaves, where the defaults do not suit its path.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "rt/clock.h"

namespace sluice::rt {

// What the kernel lacks or forbids is left as it is: a socket works all the same. A listener's
// connections inherit its tuning.
struct SocketTuning {
  // By name: "bbr". Empty: the system's. One that the kernel does not offer becomes cubic, and the
  // network reports it once (NetworkEvent).
  std::string congestion_control{};

  // Bytes that the kernel may hold per direction; 0 leaves the size to its autotuning, which a
  // fixed size switches off.
  std::uint32_t send_buffer_bytes = 0;
  std::uint32_t receive_buffer_bytes = 0;

  // A writer waits while more than this is not yet sent (TCP_NOTSENT_LOWAT); 0: no limit but the
  // buffer. So what waits, waits where it can still be chosen, shrunk or dropped.
  std::uint32_t unsent_low_bytes = 0;

  // A silent peer is probed after `idle`, then each `interval`, and given up after `probes`.
  std::chrono::seconds keepalive_idle{60};
  std::chrono::seconds keepalive_interval{15};
  int keepalive_probes = 4;

  // How long sent bytes may stay unacknowledged before the connection fails; 0: the kernel's
  // retries, a quarter of an hour.
  std::chrono::milliseconds user_timeout{0};

  // Longest pause between retransmissions (TCP_RTO_MAX_MS, Linux 6.15), so that a connection flows
  // at once when a cut heals; 0: the kernel's two minutes.
  std::chrono::milliseconds retransmit_pause_max{0};
};

}  // namespace sluice::rt
