#include "hop/next_hops.h"

#include <algorithm>
#include <utility>

namespace sluice::hop {

namespace {

// So many tunnels weigh as much as one more round trip: two hops of equal latency share the load,
// and one that is twice as far away is used once the near one has this many more.
constexpr double kTunnelsPerRtt = 32;
constexpr double kRttUnknownMs = 10;
constexpr double kRttMinMs = 1;  // on a local network latency says little, load decides

double milliseconds(rt::Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// `first` doubled for each time before, up to `most`.
rt::Duration doubled(rt::Duration first, int times, rt::Duration most) {
  return std::min(first * (1 << std::clamp(times, 0, 10)), most);
}

}  // namespace

HopState& NextHops::known(const tunnel::Node& node) {
  auto name = tunnel::to_string(node);
  if (nodes_.size() >= kNodesMax && !nodes_.contains(name)) {
    std::erase_if(nodes_, [](const auto& entry) {
      return entry.second.tunnels == 0 && !entry.second.wanted;
    });
  }
  auto& state = nodes_[std::move(name)];
  if (state.node.endpoint.host.empty()) {
    state.node = node;
    state.answered = node.endpoint;
  }
  return state;
}

HopState* NextHops::find(const tunnel::Node& node) {
  return const_cast<HopState*>(std::as_const(*this).find(node));
}

const HopState* NextHops::find(const tunnel::Node& node) const {
  const auto found = nodes_.find(tunnel::to_string(node));
  return found == nodes_.end() ? nullptr : &found->second;
}

double NextHops::cost(const tunnel::Node& node) const {
  const auto* const state = find(node);
  if (state == nullptr) return kRttUnknownMs;
  const double rtt = state->rtt ? std::max(milliseconds(*state->rtt), kRttMinMs) : kRttUnknownMs;
  return rtt * (1 + static_cast<double>(state->tunnels) / kTunnelsPerRtt);
}

bool NextHops::is_dead(const tunnel::Node& node, rt::Instant now) const {
  const auto* const state = find(node);
  return state != nullptr && state->is_dead(now);
}

std::vector<tunnel::Node> NextHops::in_order(const tunnel::Hop& hop, rt::Instant now) const {
  std::vector<std::pair<std::pair<bool, double>, tunnel::Node>> weighed;
  weighed.reserve(hop.size());
  for (const auto& node : hop) {
    weighed.emplace_back(std::pair(is_dead(node, now), cost(node)), node);
  }
  std::ranges::stable_sort(weighed, {}, [](const auto& entry) { return entry.first; });
  std::vector<tunnel::Node> nodes;
  nodes.reserve(weighed.size());
  for (auto& [weight, node] : weighed) nodes.push_back(std::move(node));
  return nodes;
}

// After an outage the old figure says nothing.
void NextHops::measured(HopState& hop, rt::Duration rtt) {
  const bool is_first = !hop.rtt || hop.failures > 0;
  hop.rtt = is_first ? rtt : *hop.rtt + (rtt - *hop.rtt) / 8;
  hop.failures = 0;
  hop.dead_until = {};
}

// A probe waits for an answer too: where there are any, their figures alone are compared. Of one that
// has failed the kernel may still take connections.
void NextHops::connected(const tunnel::Node& node, rt::Duration took, rt::Instant now) {
  auto& hop = known(node);
  if (!hop.wanted && !hop.is_dead(now)) measured(hop, took);
}

void NextHops::answered(const tunnel::Node& node, rt::Duration rtt) {
  if (auto* const hop = find(node)) measured(*hop, rtt);
}

void NextHops::failed(const tunnel::Node& node, rt::Instant now) {
  auto& hop = known(node);
  hop.dead_until = now + doubled(kDeadMin, hop.failures, kDeadMax);
  hop.failures += 1;
}

void NextHops::opened(const tunnel::Node& node) {
  known(node).tunnels += 1;
}

void NextHops::closed(const tunnel::Node& node) {
  auto& hop = known(node);
  if (hop.tunnels > 0) hop.tunnels -= 1;
}

std::optional<bool> NextHops::speaks_sluice(const tunnel::Node& node, rt::Instant now) const {
  const auto* const hop = find(node);
  if (hop == nullptr || now >= hop->spoke_until) return std::nullopt;
  return hop->speaks;
}

void NextHops::learned(const tunnel::Node& node, bool speaks_sluice, rt::Instant now) {
  auto& hop = known(node);
  hop.speaks = speaks_sluice;
  hop.denials = speaks_sluice ? 0 : hop.denials + 1;
  const auto kept = doubled(kDenialKeptMin, 2 * (hop.denials - 1), kSpeechKept);
  hop.spoke_until = now + (speaks_sluice ? kSpeechKept : kept);
}

void NextHops::unlearn(const tunnel::Node& node) {
  known(node).speaks.reset();
}

void NextHops::want(const tunnel::Node& node, rt::Instant now) {
  auto& hop = known(node);
  if (!hop.wanted && probed().size() >= kProbedMax) return;
  hop.wanted = now;
}

std::vector<tunnel::Node> NextHops::to_probe(rt::Instant now) {
  std::vector<tunnel::Node> nodes;
  for (auto& [name, hop] : nodes_) {
    if (!hop.wanted) continue;
    if (hop.tunnels == 0 && *hop.wanted + kForgetAfter < now) {
      hop.wanted.reset();
    } else {
      nodes.push_back(hop.node);
    }
  }
  return nodes;
}

std::map<std::string, const HopState*> NextHops::probed() const {
  std::map<std::string, const HopState*> hops;
  for (const auto& [name, hop] : nodes_) {
    if (hop.wanted) hops.emplace(name, &hop);
  }
  return hops;
}

}  // namespace sluice::hop
