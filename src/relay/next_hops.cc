#include "relay/next_hops.h"

#include <algorithm>
#include <numeric>

namespace sluice::relay {
namespace {

// So many tunnels weigh as much as one more round trip: two hops of equal latency share the load,
// and one that is twice as far away is used once the near one has this many more.
constexpr double kTunnelsPerRtt = 32;
constexpr double kRttUnknownMs = 10;
constexpr double kRttMinMs = 1;  // on a local network latency says little, load decides

double milliseconds(rt::Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

void NextHops::want(const tunnel::Node& node, rt::Instant now) {
  const auto name = to_string(node);
  const auto found = hops_.find(name);
  if (found != hops_.end()) {
    found->second.wanted = now;
    return;
  }
  if (hops_.size() >= kHopsMax) return;
  HopState state{};
  state.node = node;
  state.wanted = now;
  state.answered = node.endpoint;
  hops_.emplace(name, std::move(state));
}

HopState* NextHops::find(const tunnel::Node& node) {
  const auto found = hops_.find(to_string(node));
  return found == hops_.end() ? nullptr : &found->second;
}

void NextHops::answered(const tunnel::Node& node, rt::Duration rtt) {
  auto* const hop = find(node);
  if (hop == nullptr) return;
  const bool is_first = !hop->rtt || hop->is_dead;  // after an outage the old figure says nothing
  hop->rtt = is_first ? rtt : *hop->rtt + (rtt - *hop->rtt) / 8;
  hop->is_dead = false;
}

void NextHops::failed(const tunnel::Node& node) {
  if (auto* const hop = find(node)) hop->is_dead = true;
}

void NextHops::opened(const tunnel::Node& node) {
  if (auto* const hop = find(node)) ++hop->tunnels;
}

void NextHops::closed(const tunnel::Node& node) {
  auto* const hop = find(node);
  if (hop != nullptr && hop->tunnels > 0) --hop->tunnels;
}

bool NextHops::is_dead(const tunnel::Node& node) const {
  const auto found = hops_.find(to_string(node));
  return found != hops_.end() && found->second.is_dead;
}

double NextHops::cost(const tunnel::Node& node) const {
  const auto found = hops_.find(to_string(node));
  if (found == hops_.end()) return kRttUnknownMs;
  const auto& hop = found->second;
  const double rtt = hop.rtt ? std::max(milliseconds(*hop.rtt), kRttMinMs) : kRttUnknownMs;
  return rtt * (1 + static_cast<double>(hop.tunnels) / kTunnelsPerRtt);
}

std::vector<std::size_t> NextHops::order(std::span<const tunnel::Node> alternatives) const {
  std::vector<std::size_t> indexes(alternatives.size());
  std::iota(indexes.begin(), indexes.end(), std::size_t{0});
  std::ranges::stable_sort(indexes, [&](std::size_t a, std::size_t b) {
    const bool a_dead = is_dead(alternatives[a]);
    const bool b_dead = is_dead(alternatives[b]);
    if (a_dead != b_dead) return b_dead;
    return cost(alternatives[a]) < cost(alternatives[b]);
  });
  return indexes;
}

std::vector<tunnel::Node> NextHops::to_probe(rt::Instant now) {
  std::erase_if(hops_, [&](const auto& entry) {
    return entry.second.tunnels == 0 && entry.second.wanted + kForgetAfter < now;
  });
  std::vector<tunnel::Node> nodes;
  for (const auto& [name, hop] : hops_) nodes.push_back(hop.node);
  return nodes;
}

}  // namespace sluice::relay
