// How sockets to relays over long, lossy paths are tuned, whoever opens them.
#pragma once

#include <chrono>

#include "rt/network.h"

namespace sluice::hop {

// Little waits in the kernel, where nothing can be sent another way; a healed cut flows at once.
inline rt::SocketTuning ocean_tuning() {
  rt::SocketTuning tuning;
  tuning.congestion_control = "bbr";
  tuning.unsent_low_bytes = 128 * 1024;
  tuning.user_timeout = std::chrono::seconds(60);
  tuning.retransmit_pause_max = std::chrono::seconds(1);
  return tuning;
}

}  // namespace sluice::hop
