#include "hop/next_hop.h"

#include <algorithm>
#include <utility>

namespace sluice::hop {

namespace {

// One tunnel more weighs as much as a connection that takes so much longer.
constexpr rt::Duration kPerTunnel = std::chrono::milliseconds(1);

}  // namespace

NextHops::Known& NextHops::known(const tunnel::Node& node) {
  auto name = tunnel::to_string(node);
  if (nodes_.size() >= kNodesMax && !nodes_.contains(name)) {
    std::erase_if(nodes_, [](const auto& entry) { return entry.second.tunnels == 0; });
  }
  return nodes_[std::move(name)];
}

const NextHops::Known* NextHops::find(const tunnel::Node& node) const {
  const auto found = nodes_.find(tunnel::to_string(node));
  return found == nodes_.end() ? nullptr : &found->second;
}

std::vector<tunnel::Node> NextHops::in_order(const tunnel::Hop& hop, rt::Instant now) const {
  std::vector<std::pair<rt::Duration, tunnel::Node>> weighed;
  for (const auto& node : hop) {
    rt::Duration weight{0};
    if (const Known* const known = find(node)) {
      weight = known->connect_time.value_or(rt::Duration{0}) + known->tunnels * kPerTunnel;
      if (known->dead_until > now) weight += std::chrono::hours(1);
    }
    weighed.emplace_back(weight, node);
  }
  std::stable_sort(weighed.begin(), weighed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<tunnel::Node> nodes;
  for (auto& [weight, node] : weighed) nodes.push_back(std::move(node));
  return nodes;
}

void NextHops::connected(const tunnel::Node& node, rt::Duration took) {
  auto& known = this->known(node);
  known.failures = 0;
  known.dead_until = {};
  known.connect_time = known.connect_time ? (*known.connect_time * 3 + took) / 4 : took;
}

void NextHops::failed(const tunnel::Node& node, rt::Instant now) {
  auto& known = this->known(node);
  const auto wait = kDeadMin * (1 << std::min(known.failures, 5));
  known.failures += 1;
  known.dead_until = now + std::min(wait, kDeadMax);
}

void NextHops::tunnel_began(const tunnel::Node& node) {
  known(node).tunnels += 1;
}

void NextHops::tunnel_ended(const tunnel::Node& node) {
  auto& known = this->known(node);
  if (known.tunnels > 0) known.tunnels -= 1;
}

std::optional<bool> NextHops::speaks_sluice(const tunnel::Node& node, rt::Instant now) const {
  const Known* const known = find(node);
  if (!known || !known->speaks || now - known->learned_at > kSpeechKept) return std::nullopt;
  return known->speaks;
}

void NextHops::learned(const tunnel::Node& node, bool speaks_sluice, rt::Instant now) {
  auto& known = this->known(node);
  known.speaks = speaks_sluice;
  known.learned_at = now;
}

void NextHops::unlearn(const tunnel::Node& node) {
  known(node).speaks.reset();
}

}  // namespace sluice::hop
