#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <vector>

#include "wan/link.h"

namespace sluice::wan {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kBytes = 1000;
constexpr int kPackets = 200'000;

struct Arrival {
  int number;
  Time at;
  friend bool operator==(const Arrival&, const Arrival&) = default;
};

Packet numbered(int number) {
  Packet packet{kBytes, std::vector<char>(sizeof number)};
  std::memcpy(packet.frame.data(), &number, sizeof number);
  return packet;
}

void collect(Link& link, Time now, std::vector<Arrival>& arrivals) {
  while (const auto packet = link.receive(now)) {
    int number = 0;
    std::memcpy(&number, packet->frame.data(), sizeof number);
    arrivals.push_back({number, now});
  }
}

// Sends `count` packets `gap` apart, and looks whenever the link says that something is due.
std::vector<Arrival> carried(Link& link, int count, Time gap) {
  std::vector<Arrival> arrivals;
  const auto until = [&](Time now) {
    for (auto due = link.next_due(); due && *due <= now; due = link.next_due()) {
      collect(link, *due, arrivals);
    }
  };
  Time now = 1s;
  for (int i = 0; i < count; ++i) {
    until(now);
    link.send(numbered(i), now);
    now += gap;
  }
  until(now + 1000s);
  return arrivals;
}

double share_lost(const Link& link) {
  return static_cast<double>(link.counters().lost) / static_cast<double>(link.counters().offered);
}

rc::Gen<Time> time_up_to(int milliseconds) {
  return rc::gen::map(rc::gen::inRange(0, milliseconds * 1000),
                      [](int us) { return Time(std::chrono::microseconds(us)); });
}

RC_GTEST_PROP(Link, LosesTheShareItIsTold, ()) {
  const Share loss{*rc::gen::inRange(1, 1000) / 10'000.0};
  Link link(*rc::gen::arbitrary<std::uint64_t>());
  Conditions conditions;
  conditions.loss = loss;
  link.set(conditions, 0s);
  carried(link, kPackets, 1us);
  // Five standard deviations.
  const double slack = 5 * std::sqrt(loss.of_one * (1 - loss.of_one) / kPackets);
  RC_ASSERT(std::abs(share_lost(link) - loss.of_one) < slack);
}

RC_GTEST_PROP(Link, LosesInBurstsTheShareAndLengthItIsTold, ()) {
  const Share loss{*rc::gen::inRange(5, 100) / 1000.0};
  const int length = *rc::gen::inRange(2, 30);
  Link link(*rc::gen::arbitrary<std::uint64_t>());
  Conditions conditions;
  conditions.burst_loss = loss;
  conditions.burst_length = static_cast<std::uint32_t>(length);
  link.set(conditions, 0s);
  const auto arrivals = carried(link, kPackets, 1us);
  int bursts = 0;
  int expected = 0;
  for (const auto& arrival : arrivals) {
    if (arrival.number != expected) ++bursts;
    expected = arrival.number + 1;
  }
  const double lost = static_cast<double>(link.counters().lost);
  RC_ASSERT(bursts > 0);
  // Bursts are few: their number has a standard deviation of about its root.
  const double slack = 6 / std::sqrt(bursts);
  RC_ASSERT(std::abs(lost / kPackets / loss.of_one - 1) < 2 * slack);
  RC_ASSERT(std::abs(lost / bursts / length - 1) < 2 * slack);
}

RC_GTEST_PROP(Link, KeepsOrderAndBoundsUnderJitterRateAndLoss, ()) {
  Link link(*rc::gen::arbitrary<std::uint64_t>());
  Conditions conditions;
  conditions.delay = *time_up_to(300);
  conditions.jitter = *time_up_to(50);
  conditions.loss = {*rc::gen::inRange(0, 200) / 1000.0};
  conditions.rate = {*rc::gen::element<std::uint64_t>(0, 8'000'000, 100'000'000)};
  conditions.queue = base::ByteSize{*rc::gen::inRange<std::uint64_t>(0, 100'000)};
  link.set(conditions, 0s);
  const Time gap = *time_up_to(2);
  const auto arrivals = carried(link, 2000, gap);
  const auto by_number = [](const Arrival& a, const Arrival& b) { return a.number < b.number; };
  RC_ASSERT(std::ranges::is_sorted(arrivals, by_number));
  const bool is_limited = conditions.rate != Rate{};
  const Time wire = is_limited ? conditions.rate.time_for(kBytes) : 0s;
  const Time waiting = is_limited ? conditions.rate.time_for(conditions.queue_bytes()) : 0s;
  for (const auto& [number, at] : arrivals) {
    const Time took = at - (1s + number * gap);
    RC_ASSERT(took >= conditions.delay / 2 + wire - 1ns);
    RC_ASSERT(took <= conditions.delay / 2 + wire + waiting + conditions.jitter + 1us);
  }
}

RC_GTEST_PROP(Link, NeverCarriesMoreThanItsRate, ()) {
  Link link(1);
  Conditions conditions;
  conditions.rate = {*rc::gen::inRange<std::uint64_t>(1'000'000, 1'000'000'000)};
  conditions.queue = QueueLimit(*time_up_to(500));
  link.set(conditions, 0s);
  const auto arrivals = carried(link, 5000, *time_up_to(1));
  RC_ASSERT(!arrivals.empty());
  const Time took = arrivals.back().at - arrivals.front().at;
  const auto least = conditions.rate.time_for((arrivals.size() - 1) * kBytes);
  RC_ASSERT(took + arrivals.size() * 1ns >= least);
}

RC_GTEST_PROP(Link, AccountsForEveryPacket, ()) {
  Link link(*rc::gen::arbitrary<std::uint64_t>());
  Conditions conditions;
  conditions.loss = {0.1};
  conditions.burst_loss = {0.05};
  conditions.reorder = {0.1};
  conditions.rate = {50'000'000};
  conditions.queue = QueueLimit(5ms);
  link.set(conditions, 0s);
  link.cut_until(1s + *time_up_to(100), 0s);
  const auto arrivals = carried(link, 3000, *time_up_to(1));
  const auto& n = link.counters();
  RC_ASSERT(n.offered == 3000U);
  RC_ASSERT(n.delivered == arrivals.size());
  RC_ASSERT(n.offered == n.delivered + n.lost + n.queue_full + n.cut + n.flight_full);
}

RC_GTEST_PROP(Link, DoesTheSameForTheSameSeed, (std::uint64_t seed)) {
  Conditions conditions;
  conditions.delay = 50ms;
  conditions.jitter = 5ms;
  conditions.loss = {0.05};
  conditions.burst_loss = {0.02};
  conditions.reorder = {0.05};
  conditions.rate = {80'000'000};
  Link one(seed);
  Link two(seed);
  Link other(seed + 1);
  for (auto* link : {&one, &two, &other}) link->set(conditions, 0s);
  const auto arrivals = carried(one, 2000, 90us);
  RC_ASSERT(arrivals == carried(two, 2000, 90us));
  RC_ASSERT(arrivals != carried(other, 2000, 90us));
}

}  // namespace
}  // namespace sluice::wan
