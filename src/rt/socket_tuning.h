// How a TCP socket behaves, where the defaults do not suit its path.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "rt/clock.h"

namespace sluice::rt {

// "bbr", "cubic"; empty: the system's. In place, so that options stay trivial to copy (g++ 12
// destroys some temporaries of coroutines twice, see docs/style.md).
class CongestionControl {
 public:
  static constexpr std::size_t kLengthMax = 15;  // the kernel's TCP_CA_NAME_MAX, less its zero

  constexpr CongestionControl() = default;
  CongestionControl(std::string_view name) {  // NOLINT(google-explicit-constructor): it is a name
    CHECK(name.size() <= kLengthMax);
    std::ranges::copy(name, name_.begin());
  }
  CongestionControl(const char* name) : CongestionControl(std::string_view(name)) {}  // NOLINT

  std::string_view name() const { return name_.data(); }
  bool is_empty() const { return name_.front() == '\0'; }

 private:
  std::array<char, kLengthMax + 1> name_{};
};

// What the kernel lacks or forbids is left as it is: a socket works all the same. A listener's
// connections inherit its tuning.
struct SocketTuning {
  // One that the kernel does not offer becomes cubic, and the network reports it once (NetworkEvent).
  CongestionControl congestion_control{};

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
