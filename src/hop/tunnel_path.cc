// What a tunnel does with what the kernel knows of its connections' paths.
#include <algorithm>
#include <utility>

#include "hop/connection.h"
#include "hop/tunnel.h"

namespace sluice::hop {

namespace {

using tunnel::Time;

// Under BBR's ten seconds (see rt::Stream::put_off_probe), which begin with the connection. A connection
// that is idle loses nothing by it; one that is repairing what the path lost keeps a smaller window.
constexpr Time kProbePauseIdle = std::chrono::seconds(1);
constexpr Time kProbePause = std::chrono::seconds(4);
constexpr Time kProbePauseMost =
    std::chrono::seconds(7);  // where others rest, and so will this one
// A socket of a tunnel that is behind holds what its connection sends in such a part of a second.
constexpr std::uint64_t kSocketsPerSecond = 16;

// From here on it matters that a TCP that has seen packets overtake each other repairs late (renewal.h).
constexpr Time kRoundTripLong = std::chrono::milliseconds(20);

// In an interval of catching up: a round trip that was smoothed over so many acks is of now.
constexpr std::uint64_t kMuchMoved = 128 * 1024;

// Since more waited to be sent than its connections took.
constexpr Time kGreedyFor = std::chrono::seconds(1);

}  // namespace

// The shortest of its connections' round trips is least disturbed by what befalls one of them.
void Tunnel::make_room(Time at) {
  if (at < room_due_) return;
  room_due_ = at + tunnel::Yield::kInterval;
  if (session_.is_behind(at)) greedy_until_ = at + kGreedyFor;
  fit_sockets(at);
  put_off_probes(at);
  renew_late(at);
  const bool shall_yield = limits_.bulk_yields && at < greedy_until_ && hooks_.is_beside_small &&
                           hooks_.is_beside_small();
  if (!shall_yield && session_.is_catching_up()) return;
  if (!shall_yield) return session_.take_all_room(at);
  std::optional<Time> round_trip;
  std::optional<Time> least;
  for (const auto& connection : connections_) {
    const auto path = connection->stream->figures();
    if (!path) continue;
    round_trip = std::min(round_trip.value_or(path->rtt), Time(path->rtt));
    least = std::min(least.value_or(path->rtt_min), Time(path->rtt_min));
  }
  if (round_trip) session_.make_room(*round_trip, *least, at);
}

// The round trip of a connection that carries nothing is one of before, and so is for a while that of one
// that comes out of a timeout. The shortest of those that carry something is of now.
void Tunnel::catch_up(Time at) {
  begin_returned(at);
  if (!session_.is_catching_up() || at < catch_up_due_) return;
  // What arrived before it began tells nothing.
  const bool has_begun = at < catch_up_due_ + tunnel::CatchUp::kInterval;
  catch_up_due_ = at + tunnel::CatchUp::kInterval;
  tunnel::CatchUp::Seen seen;
  std::uint64_t most = 0;
  std::optional<Time> shortest;
  for (const auto& connection : connections_) {
    const auto path = connection->stream->figures();
    if (!path || path->rtt_min == Time{0}) continue;
    const auto moved =
        path->arrived_bytes - std::exchange(connection->arrived, path->arrived_bytes);
    if (has_begun) seen.arrived += moved;
    if (moved >= kMuchMoved) shortest = std::min(shortest.value_or(path->rtt), Time(path->rtt));
    if (moved >= most) {
      most = moved;
      seen.round_trip = path->rtt;
    }
    const Time least(path->rtt_min);
    seen.least = seen.least == Time{0} ? least : std::min(seen.least, least);
  }
  if (shortest) seen.round_trip = *shortest;
  session_.catch_up(seen, at);
}

// Long after its last look BBR would look at the path now, when most waits.
void Tunnel::begin_returned(Time at) {
  for (const auto number : session_.take_returned()) {
    for (const auto& connection : connections_) {
      if (connection->number == number) put_off_if_idle(*connection, at);
    }
  }
}

void Tunnel::fit_sockets(Time at) {
  has_deep_sockets_ = at < greedy_until_ && !session_.is_held_back();
  const auto wanted = unsent_low();
  if (wanted == unsent_low_) return;
  unsent_low_ = wanted;
  for (const auto& connection : connections_) connection->stream->set_unsent_low(wanted);
}

std::uint32_t Tunnel::unsent_low() const {
  const auto least = limits_.unsent_low.bytes;
  if (!has_deep_sockets_) return static_cast<std::uint32_t>(least);
  const auto most = std::max(least, limits_.unsent_low_behind.bytes);
  return static_cast<std::uint32_t>(
      std::clamp(session_.stripe_rate() / kSocketsPerSecond, least, most));
}

// A connection that is idle finds the path empty by itself; one that fills the path has to look.
void Tunnel::put_off_probes(Time at) {
  const bool is_filling = session_.is_bulk() && !session_.is_held_back();
  if (is_filling || has_deep_sockets_ || session_.is_finding_rate(at)) return;
  const Time pause = session_.has_resting() ? kProbePauseMost : kProbePause;
  for (const auto& connection : connections_) {
    if (session_.is_resting(connection->number)) put_off_if_idle(*connection, at);
    if (at - connection->probe_put_off < pause) continue;
    connection->probe_put_off = at;
    connection->stream->put_off_probe();
  }
}

// Where a quarter of the round trip is worth it.
void Tunnel::renew_late(Time at) {
  for (const auto& connection : connections_) {
    if (connection->is_dead || !session_.is_resting(connection->number)) continue;
    const auto path = connection->stream->figures();
    if (!path || path->reorderings == 0 || path->rtt_min < kRoundTripLong) continue;
    session_.renew(connection->number, at);
  }
}

void Tunnel::put_off_if_idle(Connection& connection, Time at) {
  if (at - connection.probe_put_off < kProbePauseIdle) return;
  const auto path = connection.stream->figures();
  if (!path || path->unacked_bytes > 0) return;
  connection.probe_put_off = at;
  connection.stream->put_off_probe();
}

}  // namespace sluice::hop
