#include "repl/catch_up.h"

#include <algorithm>
#include <fmt/format.h>

namespace sluice::repl {
namespace {

double seconds_of(std::uint64_t bytes, double per_second) {
  return static_cast<double>(bytes) / per_second;
}

std::string seconds_text(const std::optional<double>& seconds) {
  return seconds ? fmt::format("{:.1f} s", *seconds) : std::string("unknown time");
}

}  // namespace

// Of the bandwidth B, a stream that grows by r leaves B - r to catch up with. While a snapshot of S
// bytes is carried (S / B), the log after it grows by r * S / B.
CatchUp choose_catch_up(const CatchUpCosts& costs, CatchUpMargin margin) {
  CatchUp choice{
      .by = CatchUpBy::kReplay, .costs = costs, .replay_seconds = {}, .snapshot_seconds = {}};
  if (costs.bandwidth == 0) return choice;
  const auto bandwidth = static_cast<double>(costs.bandwidth);
  const double left =
      std::max(bandwidth - static_cast<double>(costs.stream_rate), bandwidth * kCatchUpShareMin);
  const double rate = std::min(static_cast<double>(costs.stream_rate), bandwidth - left);
  const double replay = seconds_of(costs.replay_bytes, left);
  const double carrying = seconds_of(costs.snapshot_bytes, bandwidth);
  const double snapshot = carrying + seconds_of(costs.tail_bytes, left) + rate * carrying / left;
  choice.replay_seconds = replay;
  choice.snapshot_seconds = snapshot;
  const bool is_faster = snapshot * std::max(margin.times, 1U) <= replay;
  const bool is_worth_it = replay - snapshot >= static_cast<double>(margin.gain.count());
  if (is_faster && is_worth_it && snapshot < replay) choice.by = CatchUpBy::kSnapshot;
  return choice;
}

std::optional<CatchUpCosts> catch_up_costs(const History& history, Offset end, const Peer& peer) {
  if (!peer.snapshot) return std::nullopt;
  const bool is_same = peer.id == history.id;
  const bool is_successor = peer.inherited && peer.inherited->id == history.id;
  if (!is_same && !is_successor) return std::nullopt;
  if (peer.offset <= end || peer.snapshot->at <= end || peer.snapshot->at > peer.offset) {
    return std::nullopt;
  }
  return CatchUpCosts{.replay_bytes = peer.offset - end,
                      .snapshot_bytes = peer.snapshot->bytes,
                      .tail_bytes = peer.offset - peer.snapshot->at};
}

std::string to_text(const CatchUp& choice) {
  const auto& costs = choice.costs;
  return fmt::format(
      "{}: {} bytes of log in {}, or {} bytes of snapshot and {} of log after it in {}, at {} "
      "bytes "
      "per second, of which the stream takes {}",
      choice.by == CatchUpBy::kReplay ? "replay" : "snapshot", costs.replay_bytes,
      seconds_text(choice.replay_seconds), costs.snapshot_bytes, costs.tail_bytes,
      seconds_text(choice.snapshot_seconds), costs.bandwidth, costs.stream_rate);
}

void ByteRate::note(std::uint64_t count, std::chrono::nanoseconds now) {
  if (!span_began_) {
    span_began_ = now;
    span_bytes_ = 0;
    return;
  }
  span_bytes_ += count;
  const auto span = now - *span_began_;
  if (span < kSpanMin) return;
  const double measured =
      static_cast<double>(span_bytes_) / std::chrono::duration<double>(span).count();
  seen_ = std::min(seen_ + span, memory_);
  const double weight = std::min(1.0, std::chrono::duration<double>(span) / seen_);
  const double before = per_second_.value_or(0);
  per_second_ = before + weight * (measured - before);
  span_began_ = now;
  span_bytes_ = 0;
}

}  // namespace sluice::repl
