// Which connections of a tunnel rest, so that some come through a cut with their windows.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "tunnel/limits.h"

namespace sluice::tunnel {

using StripeNumber = std::uint32_t;

// What a cut finds under way is lost, and a connection that has to send it again begins with a window of
// one packet. One that had a ping under way, or nothing, goes on as it was. So while a tunnel does not need
// all its connections, every other one rests, in turn, so that all have the window for their share and more.
class Turns {
 public:
  static constexpr Time kTurn = std::chrono::seconds(2);
  // Bytes that wait for so long, while something is heard, tell that those awake do not suffice.
  static constexpr Time kBehindAfter = std::chrono::milliseconds(100);
  static constexpr Time kAwakeFor = std::chrono::seconds(3);
  static constexpr std::size_t kAwakeLeast = 2;

  struct Seen {
    std::vector<StripeNumber> lively{};  // neither silent nor to be closed
    bool has_waiting = false;            // bytes, to be sent
    bool is_bulk = false;                // it sends as much as they take
    Time heard{0};                       // when something came last, on any
  };
  // True if some rest that did not, or the other way round.
  bool take(const Seen& seen, Time now);

  bool has_resting() const { return !resting_.empty(); }
  bool is_resting(StripeNumber stripe) const { return resting_.contains(stripe); }

 private:
  bool wake_all();
  void turn(const std::vector<StripeNumber>& lively);

  std::set<StripeNumber> resting_;
  std::vector<StripeNumber>
      order_;  // who has been awake for longest comes first, those resting last
  std::optional<Time> waiting_since_{};
  Time awake_until_{0};
  Time turn_due_{0};
};

}  // namespace sluice::tunnel
