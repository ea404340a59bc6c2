#include "delay/probe_book.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::delay {

std::uint64_t ProbeBook::send(rt::Instant now, rt::Duration way) {
  ++sent_;
  const auto published = now + way;
  probes_.push_back({.published = published, .delays = {}});
  probes_.back().delays.resize(nodes_.size());
  for (auto& node : nodes_) {
    if (!node.waiting_since) node.waiting_since = published;
  }
  if (probes_.size() > kProbesKept) probes_.pop_front();
  return sent_;
}

std::optional<Arrival> ProbeBook::arrive(std::size_t index, std::uint64_t number, rt::Instant now,
                                         rt::Duration way) {
  CHECK(index < nodes_.size());
  auto& node = nodes_[index];
  if (number <= node.seen || number > sent_) return std::nullopt;
  auto& delays = node.delays;
  delays.missed += number - node.seen - 1;
  node.seen = number;
  const auto* const next = find(number + 1);
  node.waiting_since = next == nullptr ? std::nullopt : std::optional(next->published);
  auto* const probe = find(number);
  if (probe == nullptr) {
    ++delays.missed;
    // The ones after it are forgotten as well, down to the oldest one kept.
    if (!node.waiting_since && !probes_.empty()) node.waiting_since = probes_.front().published;
    return std::nullopt;
  }
  // The ways are estimates, and half a round trip may be more than a way back.
  const auto delay = std::max(now - probe->published - way, rt::Duration::zero());
  Arrival arrival{.delay = delay, .hop = {}};
  probe->delays[index] = delay;
  const auto before = index == 0 ? std::optional(rt::Duration::zero()) : probe->delays[index - 1];
  if (before) arrival.hop = std::max(delay - *before, rt::Duration::zero());
  ++delays.shown;
  delays.last = delay;
  delays.all.record(delay);
  if (arrival.hop) delays.hop.record(*arrival.hop);
  forget();
  return arrival;
}

std::optional<rt::Duration> ProbeBook::age(std::size_t index, rt::Instant now) const {
  const auto& node = nodes_[index];
  auto age = node.delays.last;
  if (!node.waiting_since) return age;
  const auto waited = std::max(now - *node.waiting_since, rt::Duration::zero());
  return std::max(age.value_or(waited), waited);
}

ProbeBook::Probe* ProbeBook::find(std::uint64_t number) {
  const auto first = sent_ - probes_.size() + 1;
  if (number < first || number > sent_) return nullptr;
  return &probes_[static_cast<std::size_t>(number - first)];
}

void ProbeBook::forget() {
  auto needed = sent_;
  for (const auto& node : nodes_) needed = std::min(needed, node.seen);
  while (!probes_.empty() && sent_ - probes_.size() + 1 <= needed) probes_.pop_front();
}

}  // namespace sluice::delay
