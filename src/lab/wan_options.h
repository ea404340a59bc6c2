// What `sluice lab wan` can be told: when it starts, and while it runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "base/config.h"
#include "wan/conditions.h"

namespace sluice::lab {

inline constexpr std::uint32_t kWanSidesMax = 16;

struct WanOptions {
  std::string name = "wan";
  std::uint32_t sides = 2;
  std::uint32_t mtu = 1500;
  std::uint64_t seed = 0;
  base::ByteSize tcp_buffer_max{64 << 20};
  std::chrono::nanoseconds run_for{0};
};

inline constexpr std::tuple kWanOptionFields{
    base::Field{
        .name = "name",
        .member = &WanOptions::name,
        .doc = "What later commands call this WAN, so that several can run.",
    },
    base::Field{
        .name = "sides",
        .member = &WanOptions::sides,
        .doc = "Hosts, called a, b, c and so on, each with a link to every other.",
        .min = 2,
        .max = kWanSidesMax,
    },
    base::Field{
        .name = "mtu",
        .member = &WanOptions::mtu,
        .doc = "The largest IP packet.",
        .min = 576,
        .max = 65'535,
        .unit = "bytes",
    },
    base::Field{
        .name = "seed",
        .member = &WanOptions::seed,
        .doc = "Of all chance; 0 takes another one each time, and status shows it.",
    },
    base::Field{
        .name = "tcp_buffer_max",
        .member = &WanOptions::tcp_buffer_max,
        .doc = "How far the kernel may grow a socket's buffers (net.ipv4.tcp_rmem and tcp_wmem); "
               "less than the bandwidth times the delay limits a flow.",
        .min = base::ByteSize{64 << 10},
        .max = base::ByteSize{1 << 30},
    },
    base::Field{
        .name = "for",
        .member = &WanOptions::run_for,
        .doc = "Stops by itself after this long; 0: on Ctrl-C or SIGTERM.",
    },
};

// Which directions a change is about; an empty name means every side.
struct WanDirections {
  std::string from;
  std::string to;
};

struct WanChange {
  WanDirections directions;
  std::vector<base::Assignment> conditions;  // of wan::kConditionFields
  std::chrono::nanoseconds cut{0};           // 0: no new cut
  bool heals = false;                        // ends cuts
  bool clears = false;                       // takes all conditions back, before new ones are set
};

// A change, as flags.
struct WanChangeOptions {
  std::string name = "wan";
  std::string from;
  std::string to;
  std::chrono::nanoseconds cut{0};
  bool heal = false;
  bool clear = false;
  bool json = false;
};

inline constexpr std::tuple kWanChangeFields{
    base::Field{
        .name = "name",
        .member = &WanChangeOptions::name,
        .doc = "Which WAN.",
    },
    base::Field{
        .name = "from",
        .member = &WanChangeOptions::from,
        .doc = "Changes only what this side sends.",
    },
    base::Field{
        .name = "to",
        .member = &WanChangeOptions::to,
        .doc = "Changes only what is sent to this side.",
    },
    base::Field{
        .name = "cut",
        .member = &WanChangeOptions::cut,
        .doc = "Loses every packet for this long; the command returns at once.",
        .max = std::chrono::hours(24 * 365),
    },
    base::Field{
        .name = "heal",
        .member = &WanChangeOptions::heal,
        .doc = "Ends a cut now.",
    },
    base::Field{
        .name = "clear",
        .member = &WanChangeOptions::clear,
        .doc = "Takes all conditions back, but not a cut; others given beside it are then set.",
    },
    base::Field{
        .name = "json",
        .member = &WanChangeOptions::json,
        .doc = "Prints the state as one line of JSON.",
    },
};

}  // namespace sluice::lab
