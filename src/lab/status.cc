#include "lab/status.h"

#include <fmt/format.h>

#include "lab/table.h"

namespace sluice::lab {
namespace {

std::string follower(const NodeStatus& node, std::uint64_t head) {
  if (!node.is_up) return node.name + " down";
  if (node.link == "down") return node.name + " link down";
  const auto lag = head > node.offset ? head - node.offset : 0;
  std::string text = fmt::format("{} -{}", node.name, bytes_text(static_cast<double>(lag)));
  if (node.lag) text += " " + duration_text(std::chrono::duration<double>(*node.lag).count());
  if (node.counts_keys) text += " " + count_text(node.keys) + " keys";
  return text;
}

}  // namespace

std::string status_line(const WorldStatus& status) {
  std::string text = fmt::format("{:>4}s  ", status.elapsed.count());
  if (!status.ocean.empty()) text += status.ocean + " | ";
  if (status.nodes.empty()) return text;
  const auto& master = status.nodes.front();
  text += master.is_up ? fmt::format("{} @{} {}/s {:.0f} cmd/s {} keys", master.name, master.offset,
                                     bytes_text(status.stream_bytes_per_second),
                                     status.commands_per_second, count_text(master.keys))
                       : master.name + " down";
  for (std::size_t i = 1; i < status.nodes.size(); ++i) {
    text += " | " + follower(status.nodes[i], master.offset);
  }
  return text;
}

}  // namespace sluice::lab
