// One direction of an emulated link: packets and times in, packets and times out.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "wan/chance.h"
#include "wan/conditions.h"

namespace sluice::wan {

// Since any start; never goes back.
using Time = std::chrono::nanoseconds;

struct Packet {
  std::uint64_t wire_bytes = 0;  // what it counts on the link
  std::vector<char> frame;       // what is carried, unread
};

struct Counters {
  std::uint64_t offered = 0;
  std::uint64_t offered_bytes = 0;
  std::uint64_t delivered = 0;
  std::uint64_t delivered_bytes = 0;
  std::uint64_t lost = 0;         // by loss and burst_loss
  std::uint64_t queue_full = 0;   // dropped as they came
  std::uint64_t cut = 0;          // lost in a cut
  std::uint64_t reordered = 0;    // held back
  std::uint64_t flight_full = 0;  // beyond what this emulation can hold: the run is void

  friend bool operator==(const Counters&, const Counters&) = default;
};

// A packet waits in the queue while the rate is taken, leaves at its turn, and is then lost or in
// flight until it is due:
//
//   send -> queue (drop-tail) -> leaves -> [cut?] -> [lost?] -> flight (delay, jitter) -> receive
//                                                           \-> held back (reorder) ---/
//
// Those not held back stay in order, also when the delay gets shorter. Time passes only in calls:
// whatever lies between two of them happens at its own time.
class Link {
 public:
  // What may be in flight at once: 2 s at 1 Gbit/s.
  static constexpr std::uint64_t kFlightBytesMax = 256 << 20;

  explicit Link(std::uint64_t seed) : losses_(seed), bursts_(~seed), reorders_(seed * 3 + 1) {}

  void set(const Conditions& conditions, Time now);
  // Loses all that leaves before `end`; what is in flight arrives.
  void cut_until(Time end, Time now);

  const Conditions& conditions() const { return conditions_; }
  bool is_cut(Time now) const { return now < cut_until_; }
  Time cut_until() const { return cut_until_; }
  // Whether a packet that is sent now would be received now.
  bool is_clear(Time now) const;

  void send(Packet packet, Time now);
  // The next packet due by `now`; ask until there is none.
  std::optional<Packet> receive(Time now);
  // When to ask again; nothing while nothing is under way. May be early, never late.
  std::optional<Time> next_due() const;

  // A packet that passed by the link, because it was clear.
  void count_passed(std::uint64_t wire_bytes);
  void advance(Time now);  // so that the counters are of `now`
  const Counters& counters() const { return counters_; }
  std::uint64_t queued_bytes() const { return queued_bytes_; }

 private:
  struct InFlight {
    Time due;
    Packet packet;
  };

  void leave(Packet packet, Time at);
  bool is_lost();
  Time wander(Time at) const;
  Packet land(Packet packet);

  Conditions conditions_;
  Chance losses_;
  Chance bursts_;
  Chance reorders_;
  bool in_burst_ = false;
  Time cut_until_{0};

  std::deque<Packet> queue_;
  std::uint64_t queued_bytes_ = 0;
  Time head_leaves_{0};  // when the first of the queue has left; only if there is one

  std::deque<InFlight> flight_;  // by due
  std::multimap<Time, Packet> held_back_;
  std::uint64_t flight_bytes_ = 0;
  Time last_due_{0};  // of flight_

  Counters counters_;
};

}  // namespace sluice::wan
