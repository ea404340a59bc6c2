// `sluice lab up`: a small system on this machine, with traffic, for as long as it is watched.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace sluice::lab {

struct UpOptions {
  std::chrono::milliseconds run_for{0};  // 0: until Ctrl-C or SIGTERM
  std::optional<std::string> dir;        // kept; without it a temporary folder
  double rate = 2000;                    // commands a second
  std::uint64_t keys = 100'000;          // of each kind that the traffic writes
  std::uint32_t replicas = 2;
  std::uint32_t regions = 1;       // 2: with an emulated WAN between them, as root
  bool is_active_active = false;   // 2 or 3 regions that all take writes; on loopback
  std::string mesh_name = "mesh";  // by which `sluice lab cut` finds them
  std::string wan_name = "wan";    // by which `sluice lab wan` finds it
  bool is_terminal = false;        // refresh one line, instead of writing one after another
};

// Returns the exit code: 1 if something did not start or did not stay up.
int run_up(const UpOptions& options);

}  // namespace sluice::lab
