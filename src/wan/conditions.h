// What a link does to its packets, as values that can change while it carries them.
#pragma once

#include <chrono>
#include <cstdint>
#include <tuple>

#include "base/config.h"
#include "wan/quantity.h"

namespace sluice::wan {

// Of one direction. A link between two sides has two of them, set alike unless said otherwise.
struct Conditions {
  using Duration = std::chrono::nanoseconds;

  Duration delay{0};  // of a round trip: each direction adds half of it
  Duration jitter{0};
  Share loss;
  Share burst_loss;
  std::uint32_t burst_length = 10;  // packets, on average
  Share reorder;
  Duration reorder_by{std::chrono::milliseconds(10)};
  Rate rate;
  QueueLimit queue = Duration(std::chrono::milliseconds(100));

  // Whether packets pass as they come, so that nobody needs to look at each.
  bool are_clear() const {
    return delay == Duration{0} && jitter == Duration{0} && loss == Share{} &&
           burst_loss == Share{} && reorder == Share{} && rate == Rate{};
  }
  // How many bytes may wait; only with a rate.
  std::uint64_t queue_bytes() const {
    if (const auto* time = std::get_if<Duration>(&queue)) return rate.bytes_in(*time);
    return std::get<base::ByteSize>(queue).bytes;
  }

  friend bool operator==(const Conditions&, const Conditions&) = default;
};

inline constexpr std::tuple kConditionFields{
    base::Field{
        .name = "delay",
        .member = &Conditions::delay,
        .doc = "Added to the round trip: each direction holds a packet for half of it.",
        .max = std::chrono::seconds(60),
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "jitter",
        .member = &Conditions::jitter,
        .doc = "Each direction's delay wanders between 0 and this more; packets stay in order.",
        .max = std::chrono::seconds(10),
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "loss",
        .member = &Conditions::loss,
        .doc = "Packets lost at random, in each direction, after they have used the link's rate.",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "burst_loss",
        .member = &Conditions::burst_loss,
        .doc = "Packets lost in bursts (Gilbert-Elliott), on top of --loss.",
        .max = Share{0.5},
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "burst_length",
        .member = &Conditions::burst_length,
        .doc = "How many packets a burst of losses takes, on average.",
        .min = 1,
        .max = 100'000,
        .unit = "packets",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "reorder",
        .member = &Conditions::reorder,
        .doc = "Packets that are held back, so that those behind them overtake.",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "reorder_by",
        .member = &Conditions::reorder_by,
        .doc = "For how long a packet of --reorder is held back.",
        .max = std::chrono::seconds(10),
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "rate",
        .member = &Conditions::rate,
        .doc = "Of each direction, IP headers included: kbit, mbit or gbit a second; 0: no limit.",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "queue",
        .member = &Conditions::queue,
        .doc = "What may wait for the rate, as a time or a size; the rest is dropped as it comes.",
        .reload = base::Reload::kLive,
    },
};

}  // namespace sluice::wan
