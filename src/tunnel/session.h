// One tunnel between two Sluice peers, seen from one side: stripes in, stripes out, bytes between.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tunnel/answer.h"
#include "tunnel/bulk.h"
#include "tunnel/catch_up.h"
#include "tunnel/collapse.h"
#include "tunnel/inbound.h"
#include "tunnel/limits.h"
#include "tunnel/outbound.h"
#include "tunnel/renewal.h"
#include "tunnel/turns.h"
#include "tunnel/yield.h"

namespace sluice::tunnel {

// The one frame for a connection that joins nothing.
std::string reset_frame(const Answer& why);

// Who opened the tunnel opens its stripes too.
enum class Side : std::uint8_t { kDialer, kAcceptor };

// Why a tunnel that goes on has a connection less.
enum class StripeEnd : std::uint8_t {
  kReset,      // the network or the peer ended it
  kSilent,     // nothing came through it, though others were heard
  kCollapsed,  // it carried far less than others, or all of them far less than before
  kSurplus,    // there were too many after a cut, or it had too much to send once more
  kRenewed     // its TCP repaired late what was lost
};
inline constexpr std::size_t kStripeEnds = 5;

struct SessionStats {
  std::uint64_t raw_sent = 0;      // as the writer gave them
  std::uint64_t encoded_sent = 0;  // as frames
  std::uint64_t resent = 0;        // once more
  std::uint64_t raw_received = 0;  // as the reader took them
  std::uint64_t repeated = 0;      // came more than once
  std::uint64_t held_to_send = 0;  // not yet acknowledged
  std::uint64_t held_to_read = 0;  // not yet read
  std::uint64_t window = 0;        // granted to the peer
  std::uint32_t stripes = 0;
  std::uint32_t silent_stripes = 0;
  std::uint64_t stripes_added = 0;  // since the beginning; so many of them are gone, by StripeEnd:
  std::array<std::uint64_t, kStripeEnds> stripes_ended{};
  std::uint64_t ended(StripeEnd why) const { return stripes_ended[static_cast<std::size_t>(why)]; }
  std::optional<Time> round_trip{};  // the shortest of the stripes', as it is now
};

// Pure: bytes and time in, bytes and wishes out. The caller moves bytes between stripes and
// connections, calls tick() when deadline() says so, and carries out what is asked for:
// stripes_to_close(), stripes_wanted(), wants_probe().
class Session {
 public:
  // `limits` outlives it.
  Session(Side side, const Limits& limits, Time now);

  // --- the two ends of the byte stream ---
  std::size_t write(std::string_view bytes, Time now);  // how much was taken
  std::size_t room() const { return failure_ ? 0 : outbound_.room(); }
  bool is_writable() const { return room() > 0; }
  void finish(Time now);
  bool is_readable() const { return inbound_.is_readable(); }
  Result<std::size_t> read(std::span<char> into, Time now);
  bool has_ended() const { return inbound_.has_ended(); }
  // All that was written has been taken from the network at the other end, and it knows the end.
  bool is_delivered() const { return outbound_.is_done(); }
  // Why nothing moves any more; bytes that came before it may still be read.
  const std::optional<Error>& failure() const { return failure_; }
  void fail_with(Error why);

  // --- the answer to ROUTE: given once by the acceptor, awaited by the dialer ---
  void answer(const Answer& answer);
  const std::optional<Answer>& answered() const { return answered_; }
  // Ends the tunnel on both sides.
  void reset(const Answer& why);

  // --- stripes ---
  void add_stripe(StripeNumber stripe, Time now);
  void remove_stripe(StripeNumber stripe, Time now);  // its connection has ended
  bool has_stripe(StripeNumber stripe) const { return stripes_.contains(stripe); }
  // Bytes from its connection. kProtocol: the whole tunnel is of no use.
  Result<> receive(StripeNumber stripe, std::string_view bytes, Time now);
  // What its connection shall write next, or null.
  Wire next(StripeNumber stripe, Time now);
  bool has_work(StripeNumber stripe, Time now) const;

  // It keeps its window for when it is needed (see turns.h), and has little under way.
  bool is_resting(StripeNumber stripe) const { return turns_.is_resting(stripe); }
  bool has_resting() const { return turns_.has_resting(); }
  // Its TCP repairs late what is lost: it makes room for another (see renewal.h) when nothing needs it.
  void renew(StripeNumber stripe, Time now);
  // Since it was asked last: stripes that were silent and have been heard again.
  std::vector<StripeNumber> take_returned() { return std::exchange(returned_, {}); }

  // Whether next() gives more than payload, which only this stripe can carry.
  bool has_control(StripeNumber stripe, Time now) const;

  // --- time and wishes: tick() after every other call, then again at deadline() ---
  void tick(Time now);
  // The next instant behind `now` at which something is to be done; Time::max() if there is none.
  Time deadline(Time now) const;
  // Connections that shall be closed; the caller then removes them.
  std::vector<StripeNumber> stripes_to_close() const;
  // How many connections a dialer shall have.
  std::uint32_t stripes_wanted() const;
  // All stripes are silent: a dialer should try new connections (see Limits::probe_interval).
  bool wants_probe() const;
  // More waits to be sent than the stripes take. A block that fills up is not that.
  bool is_behind(Time now) const { return waiting_since_ && now - *waiting_since_ >= kBehindAfter; }
  // What the fastest of them delivered in the last second.
  std::uint64_t stripe_rate() const { return stripe_rate_; }
  // How long nothing has come of what is due on any stripe; 0 unless all are silent.
  Time silent_for(Time now) const { return wants_probe() ? now - heard_ : Time{0}; }

  // --- beside other tunnels on the same path (see yield.h) ---
  // It sends as much as its connections take; or something all the time, and no more than that.
  bool is_bulk() const { return bulk_.is_bulk(); }
  bool is_small(Time now) const {
    return sending_intervals_ >= kSendingIntervals && is_busy(now) && !is_bulk();
  }
  // Once per Yield::kInterval of a bulk one beside small ones; what the kernel knows of its path.
  void make_room(Time round_trip, Time least, Time now);
  void take_all_room(Time now);
  bool is_yielding() const { return yield_.is_on(); }
  // Behind after a cut: see catch_up.h, once per CatchUp::kInterval.
  bool is_catching_up() const { return catch_up_.is_on(); }
  bool is_finding_rate(Time now) const { return catch_up_.is_finding(now); }
  void catch_up(CatchUp::Seen seen, Time now);
  // To a rate of its own: its connections find nothing to send now and then.
  bool is_held_back() const { return is_catching_up() || is_yielding(); }

  SessionStats stats() const;

 private:
  struct Stripe {
    FrameReader reader{};
    Time added{0};
    Time heard{0};                // when bytes came last
    std::optional<Time> asked{};  // since when an answer is due
    std::optional<Time> silent_since{};
    bool has_rested = false;              // when it fell silent
    std::optional<Time> outdone_since{};  // it is silent, and others are not
    Time ping_due{0};
    bool is_ping_out = false;  // sent, not yet returned
    bool wants_ping = false;
    std::optional<std::uint64_t> pong{};
    std::uint64_t received = 0;  // payload bytes
    std::uint64_t acked = 0;     // of these, what the peer has been told
    std::optional<Time> ack_due{};
    std::optional<Time> round_trip{};  // smoothed
    CollapseDetector collapse{};
    bool has_said_answer = false;
    bool has_said_reset = false;
    std::optional<StripeEnd> doomed_as{};
    bool is_doomed() const { return doomed_as.has_value(); }
  };

  Result<> take(StripeNumber number, Stripe& stripe, Frame frame, Time now);
  Result<> take_data(Stripe& stripe, Frame frame, Time now);
  void take_pong(Stripe& stripe, std::uint64_t number, Time now);
  Wire control(Stripe& stripe, Time now);
  void append_ping(std::string& wire, Stripe& stripe, Time now);
  bool has_control(const Stripe& stripe, Time now) const;
  void grant(Time now);
  void judge_silence(StripeNumber number, Stripe& stripe, Time now);
  void note_held(Time now);
  void measure_rates(Time now);
  void doom(StripeNumber number, Stripe& stripe, StripeEnd why);
  void take_turns(Time now);
  void give_up_lost(Time now);
  void close_surplus(bool are_resting);
  bool has_lively_stripe() const;
  Time round_trip() const;
  Time silence() const;
  Time late_after() const;
  Time first_late_after() const;
  void resend_late(Time now);
  Time stripe_deadline(const Stripe& stripe, Time now, bool is_lively) const;
  void hold_rate(Time now);
  bool may_resend_late(Time now) const;
  bool is_cut_off(Time now) const;
  bool is_outdone(const Stripe& stripe) const;
  bool is_busy(Time now) const;

  const Side side_;
  const Limits& limits_;
  Outbound outbound_;
  Inbound inbound_;
  std::map<StripeNumber, Stripe> stripes_;
  std::optional<Error> failure_;
  std::optional<Answer> answered_;
  // What every stripe says once, since any may be lost on the way.
  std::string answer_frame_;
  std::string reset_frame_;
  Time moved_;      // when payload last moved, either way
  Time heard_;      // when anything last came
  Time judge_due_;  // when rates are measured next
  std::uint64_t added_ = 0;
  std::array<std::uint64_t, kStripeEnds> ended_{};
  TunnelRate rate_;
  static constexpr Time kBehindAfter = std::chrono::milliseconds(50);
  std::optional<Time> waiting_since_{};
  BulkDetector bulk_;
  static constexpr int kSendingIntervals = 3;
  int sending_intervals_ = 0;
  std::uint64_t delivered_rate_ = 0;  // bytes in the last interval
  std::uint64_t stripe_rate_ = 0;     // of these, of the best stripe
  Yield yield_;
  std::uint64_t room_sent_ = 0;  // when it was measured last, for yield_
  Time room_measured_{0};
  Turns turns_;
  Renewal renewal_;
  CatchUp catch_up_;
  Time free_until_{0};
  bool was_lively_ = true;
  std::vector<StripeNumber> returned_;
};

}  // namespace sluice::tunnel
