// How the nodes of a lab stand, on a line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::lab {

struct NodeStatus {
  std::string name;
  bool is_up = false;
  std::uint64_t offset = 0;  // executed, or for a keeper held, of the stream
  std::uint64_t keys = 0;
  std::string link = {};  // of a replica to its master: "up", "down"; empty for a master
  bool counts_keys = true;
  std::optional<std::chrono::nanoseconds> lag = {};  // how old the newest is that it has
};

struct WorldStatus {
  std::chrono::seconds elapsed{0};
  double stream_bytes_per_second = 0;
  double commands_per_second = 0;
  std::string ocean = {};         // how it is, if there is one
  std::vector<NodeStatus> nodes;  // the first is the master, whose offset the others are behind
};

std::string status_line(const WorldStatus& status);

}  // namespace sluice::lab
