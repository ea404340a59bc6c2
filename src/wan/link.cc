#include "wan/link.h"

#include <algorithm>
#include <utility>

namespace sluice::wan {

void Link::set(const Conditions& conditions, Time now) {
  advance(now);
  const bool is_other_rate = conditions.rate != conditions_.rate;
  conditions_ = conditions;
  if (queue_.empty() || !is_other_rate) return;
  if (conditions_.rate != Rate{}) {
    head_leaves_ = now + conditions_.rate.time_for(queue_.front().wire_bytes);
    return;
  }
  auto waiting = std::exchange(queue_, {});
  queued_bytes_ = 0;
  for (auto& packet : waiting) leave(std::move(packet), now);
}

void Link::cut_until(Time end, Time now) {
  advance(now);
  cut_until_ = end;
}

bool Link::is_clear(Time now) const {
  return conditions_.are_clear() && !is_cut(now) && queue_.empty() && flight_.empty() &&
         held_back_.empty();
}

void Link::send(Packet packet, Time now) {
  advance(now);
  ++counters_.offered;
  counters_.offered_bytes += packet.wire_bytes;
  if (conditions_.rate == Rate{}) return leave(std::move(packet), now);
  // A link that is idle takes any packet, however short its queue.
  const bool is_full = queued_bytes_ + packet.wire_bytes > conditions_.queue_bytes();
  if (is_full && !queue_.empty()) {
    ++counters_.queue_full;
    return;
  }
  if (queue_.empty()) head_leaves_ = now + conditions_.rate.time_for(packet.wire_bytes);
  queued_bytes_ += packet.wire_bytes;
  queue_.push_back(std::move(packet));
}

void Link::advance(Time now) {
  while (!queue_.empty() && head_leaves_ <= now) {
    Packet packet = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= packet.wire_bytes;
    const Time left = head_leaves_;
    if (!queue_.empty()) {
      head_leaves_ = left + conditions_.rate.time_for(queue_.front().wire_bytes);
    }
    leave(std::move(packet), left);
  }
}

void Link::leave(Packet packet, Time at) {
  if (at < cut_until_) {
    ++counters_.cut;
    return;
  }
  if (is_lost()) {
    ++counters_.lost;
    return;
  }
  if (flight_bytes_ + packet.wire_bytes > kFlightBytesMax) {
    ++counters_.flight_full;
    return;
  }
  flight_bytes_ += packet.wire_bytes;
  const Time due = at + conditions_.delay / 2 + wander(at);
  if (reorders_.strikes(conditions_.reorder)) {
    ++counters_.reordered;
    held_back_.emplace(due + conditions_.reorder_by, std::move(packet));
    return;
  }
  last_due_ = std::max(last_due_, due);
  flight_.push_back({last_due_, std::move(packet)});
}

// Gilbert-Elliott: a chain of two states that steps once a packet. In a burst all packets are lost,
// outside of it `loss` of them.
bool Link::is_lost() {
  if (conditions_.burst_loss == Share{}) {
    in_burst_ = false;
  } else {
    const double ends = 1.0 / conditions_.burst_length;
    const double share = conditions_.burst_loss.of_one;
    const double begins = share * ends / (1 - share);
    in_burst_ = in_burst_ ? !bursts_.strikes({ends}) : bursts_.strikes({begins});
  }
  return losses_.strikes(conditions_.loss) || in_burst_;
}

// Straight lines between random points that lie twice the jitter apart. So the delay shrinks by at
// most half of the time that passes, and no packet overtakes another.
Time Link::wander(Time at) const {
  if (conditions_.jitter == Time{0}) return Time{0};
  const auto step = 2 * conditions_.jitter.count();
  const auto index = static_cast<std::uint64_t>(at.count() / step);
  const double way = static_cast<double>(at.count() % step) / static_cast<double>(step);
  const double from = losses_.at(index);
  const double to = losses_.at(index + 1);
  const double share = from + (to - from) * way;
  return Time(static_cast<std::int64_t>(share * static_cast<double>(conditions_.jitter.count())));
}

std::optional<Packet> Link::receive(Time now) {
  advance(now);
  const bool is_flight_due = !flight_.empty() && flight_.front().due <= now;
  const bool is_held_due = !held_back_.empty() && held_back_.begin()->first <= now;
  if (!is_flight_due && !is_held_due) return std::nullopt;
  const bool takes_held =
      is_held_due && (!is_flight_due || held_back_.begin()->first < flight_.front().due);
  if (takes_held) {
    auto node = held_back_.extract(held_back_.begin());
    return land(std::move(node.mapped()));
  }
  Packet packet = std::move(flight_.front().packet);
  flight_.pop_front();
  return land(std::move(packet));
}

Packet Link::land(Packet packet) {
  flight_bytes_ -= packet.wire_bytes;
  ++counters_.delivered;
  counters_.delivered_bytes += packet.wire_bytes;
  return packet;
}

std::optional<Time> Link::next_due() const {
  std::optional<Time> next;
  const auto consider = [&next](Time due) { next = next ? std::min(*next, due) : due; };
  if (!held_back_.empty()) consider(held_back_.begin()->first);
  if (!flight_.empty()) {
    consider(flight_.front().due);
  } else if (!queue_.empty()) {
    consider(head_leaves_ + conditions_.delay / 2);
  }
  return next;
}

void Link::count_passed(std::uint64_t wire_bytes) {
  ++counters_.offered;
  ++counters_.delivered;
  counters_.offered_bytes += wire_bytes;
  counters_.delivered_bytes += wire_bytes;
}

}  // namespace sluice::wan
