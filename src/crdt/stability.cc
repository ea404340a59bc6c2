#include "crdt/stability.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::crdt {

std::vector<RegionId> Stability::RegionSet::all() const {
  std::vector<RegionId> peers;
  for (RegionId peer = 1; peer <= kRegionIdMax; ++peer)
    if (at_peer(peer)) peers.push_back(peer);
  return peers;
}

void Stability::join(RegionId peer) {
  members_.bits |= 1U << peer;
  detached_.bits &= ~(1U << peer);
}

void Stability::detach(RegionId peer) {
  detached_.bits |= 1U << peer;
  members_.bits &= ~(1U << peer);
}

void Stability::promise(RegionId peer, const std::vector<Dot>& changes) {
  for (const Dot& dot : changes) promised_[peer].advance(dot);
}

VersionVector Stability::stable(const VersionVector& here) const {
  if (is_alone_yet()) return {};
  VersionVector everywhere = VersionVector::meet(here, promised_[self_]);
  for (const RegionId peer : peers()) everywhere = VersionVector::meet(everywhere, promised_[peer]);
  return everywhere;
}

std::uint64_t Stability::arrived(const Dot& newest) {
  waiting_.push_back(newest);
  return arrivals();
}

bool Stability::is_stable(const Dot& op) const {
  if (is_alone_yet() || !promised_[self_].covers(op)) return false;
  for (RegionId peer = 1; peer <= kRegionIdMax; ++peer)
    if (members_.at_peer(peer) && !promised_[peer].covers(op)) return false;
  return true;
}

std::uint64_t Stability::advance() {
  while (!waiting_.empty() && is_stable(waiting_.front())) skip();
  return first_ - 1;
}

void Stability::take_back(const Dot& newest) {
  for (Dot& dot : waiting_)
    if (dot.actor == newest.actor) dot.seq = std::min(dot.seq, newest.seq);
}

std::optional<RegionId> Stability::hindmost(std::uint64_t among) const {
  if (waiting_.empty()) return std::nullopt;
  for (const RegionId peer : peers())
    if ((among >> peer & 1U) != 0 && !promised_[peer].covers(waiting_.front())) return peer;
  return std::nullopt;
}

void Stability::skip() {
  if (waiting_.empty()) return;
  forgotten_.advance(waiting_.front());
  waiting_.pop_front();
  ++first_;
}

}  // namespace sluice::crdt
