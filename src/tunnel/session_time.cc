// A session as time passes: who is silent, late, slow, resting or not needed, and when to look again.
#include <algorithm>
#include <ranges>

#include "tunnel/session.h"

namespace sluice::tunnel {

namespace {

using std::chrono::milliseconds;

constexpr Time kRoundTripUnknown = milliseconds(200);
constexpr Time kBusyFor = std::chrono::seconds(2);  // after payload has moved
constexpr Time kFar = Time::max();
constexpr Time kFreeFor = std::chrono::seconds(60);  // after the queue was found to be others'
// One through which somebody looks at INFO every few seconds is no stream that is hurt by a queue.
constexpr int kSendingIntervalsMost = 5;
constexpr std::uint64_t kLostBytesMuch = 128
                                         << 10;  // more than a window of one packet soon repairs

// The earlier of the two, leaving out what is past: that has been seen to.
Time earlier(Time first, Time other, Time now) {
  return other > now && other < first ? other : first;
}

}  // namespace

Time Session::deadline(Time now) const {
  if (failure_) return kFar;
  const bool is_lively = has_lively_stripe();
  Time first = earlier(kFar, outbound_.due().value_or(kFar), now);
  if (may_resend_late(now)) {
    first = earlier(first, outbound_.late_at(late_after()).value_or(kFar), now);
    first = earlier(first, outbound_.late_at(first_late_after()).value_or(kFar), now);
  }
  first = earlier(first, outbound_.rate_due().value_or(kFar), now);
  if (outbound_.has_unacked()) first = earlier(first, judge_due_, now);
  if (!is_lively) first = earlier(first, heard_ + limits_.cut_max, now);
  for (const auto& [number, stripe] : stripes_) {
    first = earlier(first, stripe_deadline(stripe, now, is_lively), now);
  }
  return first;
}

Time Session::stripe_deadline(const Stripe& stripe, Time now, bool is_lively) const {
  if (stripe.is_doomed()) return kFar;
  Time first = earlier(kFar, stripe.ack_due.value_or(kFar), now);
  if (!stripe.is_ping_out) first = earlier(first, stripe.ping_due, now);
  if (stripe.silent_since) {
    if (!is_lively || !stripe.outdone_since) return first;
    return earlier(first, *stripe.outdone_since + limits_.silent_stripe_life, now);
  }
  return stripe.asked ? earlier(first, *stripe.asked + silence(), now) : first;
}

void Session::tick(Time now) {
  if (failure_) return;
  if (!outbound_.has_waiting()) waiting_since_.reset();
  if (outbound_.has_waiting() && !waiting_since_) waiting_since_ = now;
  for (auto& [number, stripe] : stripes_) judge_silence(number, stripe, now);
  note_held(now);
  if (now >= judge_due_) measure_rates(now);
  take_turns(now);
  if (may_resend_late(now)) resend_late(now);
  if (!has_lively_stripe() && now >= heard_ + limits_.cut_max) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limits_.cut_max);
    fail_with({Errc::kTimedOut,
               "nothing came through the tunnel for " + std::to_string(seconds.count()) + " s"});
  }
}

// The first alone only while something is heard: else the path is cut, and it would be lost once more.
void Session::resend_late(Time now) {
  outbound_.resend_late(now, late_after());
  if (heard_ >= now - first_late_after() / 4) outbound_.resend_first(now, first_late_after());
}

void Session::judge_silence(StripeNumber number, Stripe& stripe, Time now) {
  if (stripe.is_doomed()) return;
  if (!stripe.silent_since && stripe.asked && now >= *stripe.asked + silence()) {
    stripe.silent_since = now;
    stripe.has_rested = turns_.is_resting(number);
  }
  if (!stripe.silent_since) return;
  // After a cut all come back, one sooner than the other.
  if (!is_outdone(stripe)) return stripe.outdone_since.reset();
  if (!stripe.outdone_since) stripe.outdone_since = now;
  outbound_.suspect(number);
  if (now < *stripe.outdone_since + limits_.silent_stripe_life) return;
  doom(number, stripe, StripeEnd::kSilent);
}

void Session::note_held(Time now) {
  using enum BulkDetector::Held;
  const bool is_held = outbound_.has_sealed() && has_lively_stripe();
  const auto late = outbound_.late_at(late_after());
  const bool is_reader_slow = outbound_.is_blocked() && !(late && now >= *late);
  const auto by = is_reader_slow ? kByReader : kByStripes;
  bulk_.note(is_held ? by : kNot, now);
}

void Session::measure_rates(Time now) {
  judge_due_ = now + kRateInterval;
  std::uint64_t best = 0;
  std::uint64_t sum = 0;
  for (auto& [number, stripe] : stripes_) {
    const auto view = outbound_.stripe(number);
    stripe.collapse.measure(view.delivered, view.oldest.has_value());
    best = std::max(best, stripe.collapse.in_interval());
    sum += stripe.collapse.in_interval();
  }
  stripe_rate_ = best;
  outbound_.fit_blocks(best);
  for (auto& [number, stripe] : stripes_) {
    const bool is_collapsed = stripe.collapse.is_collapsed(best);
    if (is_collapsed && !catch_up_.is_finding(now)) doom(number, stripe, StripeEnd::kCollapsed);
  }
  delivered_rate_ = sum;
  bulk_.measure(sum);
  sending_intervals_ =
      std::clamp(sending_intervals_ + (sum > 0 ? 1 : -2), 0, kSendingIntervalsMost);
  if (!has_lively_stripe()) return;  // a cut tells nothing of what the path gives
  if (!rate_.is_collapsed(sum, bulk_.was_limited() && !is_held_back(), now) || stripes_.empty())
    return;
  const auto slower = [](const auto& a, const auto& b) {
    return a.second.collapse.in_interval() < b.second.collapse.in_interval();
  };
  const auto slowest = std::ranges::min_element(stripes_, slower);
  doom(slowest->first, slowest->second, StripeEnd::kCollapsed);
}

void Session::make_room(Time round_trip, Time least, Time now) {
  const auto sent = outbound_.sent_bytes() - std::exchange(room_sent_, outbound_.sent_bytes());
  const auto passed = std::chrono::duration<double>(now - std::exchange(room_measured_, now));
  if (!is_bulk()) yield_.begin(rate_.best());
  const auto sent_rate = static_cast<double>(sent) / std::max(passed.count(), 0.001);
  yield_.measure({.delivered_bytes_s = delivered_rate_,
                  .sent_bytes_s = static_cast<std::uint64_t>(sent_rate),
                  .round_trip = round_trip,
                  .least = least});
  hold_rate(now);
}

void Session::catch_up(CatchUp::Seen seen, Time now) {
  seen.is_behind = is_behind(now);
  seen.sent = outbound_.sent_bytes() + outbound_.resent_bytes();
  catch_up_.measure(seen, now);
  if (catch_up_.has_given_up()) free_until_ = now + kFreeFor;
  hold_rate(now);
}

// Bulk that catches up leaves room for others as well.
void Session::hold_rate(Time now) {
  auto rate = catch_up_.limit();
  if (const auto room = yield_.limit()) rate = std::min(rate.value_or(*room), *room);
  outbound_.set_rate(rate, now);
}

void Session::take_all_room(Time now) {
  yield_.stop();
  outbound_.set_rate(std::nullopt, now);
}

// Those that were tried while nothing came, the youngest first: of those that rest, or of those that do not.
void Session::close_surplus(bool are_resting) {
  if (side_ != Side::kDialer) return;
  const auto is_kept = [](const auto& entry) { return !entry.second.is_doomed(); };
  auto count = static_cast<std::size_t>(std::ranges::count_if(stripes_, is_kept));
  for (auto& [number, stripe] : std::views::reverse(stripes_)) {
    if (count <= stripes_wanted()) return;
    const bool is_resting = turns_.is_resting(number) || stripe.has_rested;
    if (stripe.is_doomed() || is_resting != are_resting) continue;
    doom(number, stripe, StripeEnd::kSurplus);
    --count;
  }
}

// One that rested is back and has its window. Those that had theirs full of bytes would send all of it
// once more, with a window of one packet to begin with.
void Session::give_up_lost(Time now) {
  const auto began = catch_up_.is_on() ? catch_up_.began() : now;
  for (auto& [number, stripe] : stripes_) {
    const auto view = outbound_.stripe(number);
    const bool is_lost = view.oldest && *view.oldest < began;
    const bool is_much = view.sent - view.delivered >= kLostBytesMuch;
    if (stripe.has_rested || !is_lost || !is_much) continue;
    doom(number, stripe, StripeEnd::kSurplus);
  }
  close_surplus(false);
}

void Session::take_turns(Time now) {
  Turns::Seen seen{.has_waiting = outbound_.has_waiting(), .is_bulk = is_bulk(), .heard = heard_};
  for (const auto& [number, stripe] : stripes_) {
    if (!stripe.silent_since && !stripe.is_doomed()) seen.lively.push_back(number);
  }
  if (!std::exchange(was_lively_, !seen.lively.empty()) && was_lively_) {
    catch_up_.begin(rate_.best(), now);
  }
  if (is_bulk() && !catch_up_.is_on() && now >= free_until_) {
    catch_up_.begin(rate_.best(), now);
  }
  if (!turns_.take(seen, now)) return;
  for (auto& [number, stripe] : stripes_) {
    if (!stripe.silent_since) stripe.has_rested = false;
  }
  if (turns_.has_resting()) close_surplus(true);
  for (const auto& [number, stripe] : stripes_) {
    turns_.is_resting(number) ? outbound_.rest(number) : outbound_.wake(number);
  }
}

// One that rests and owes nothing: nothing comes later for it.
void Session::renew(StripeNumber number, Time now) {
  auto& stripe = stripes_.at(number);
  if (!turns_.is_resting(number) || stripe.silent_since || stripe.is_doomed()) return;
  if (outbound_.stripe(number).oldest || catch_up_.is_on() || !renewal_.is_due(now)) return;
  renewal_.renewed(now - stripe.added, now);
  doom(number, stripe, StripeEnd::kRenewed);
}

void Session::doom(StripeNumber number, Stripe& stripe, StripeEnd why) {
  if (stripe.is_doomed()) return;
  stripe.doomed_as = why;
  outbound_.suspect(number);
}

std::vector<StripeNumber> Session::stripes_to_close() const {
  std::vector<StripeNumber> doomed;
  for (const auto& [number, stripe] : stripes_) {
    if (stripe.is_doomed()) doomed.push_back(number);
  }
  return doomed;
}

std::uint32_t Session::stripes_wanted() const {
  if (failure_) return 0;
  const auto moved = outbound_.encoded_bytes() + inbound_.next_offset();
  return moved < limits_.one_stripe_bytes.bytes ? 1 : limits_.stripes;
}

bool Session::wants_probe() const {
  return side_ == Side::kDialer && !failure_ && !has_lively_stripe();
}

bool Session::has_lively_stripe() const {
  return std::ranges::any_of(stripes_, [](const auto& entry) {
    return !entry.second.silent_since && !entry.second.is_doomed();
  });
}

Time Session::round_trip() const {
  std::optional<Time> shortest;
  for (const auto& [number, stripe] : stripes_) {
    if (stripe.round_trip && (!shortest || *stripe.round_trip < *shortest)) {
      shortest = stripe.round_trip;
    }
  }
  return std::max<Time>(shortest.value_or(kRoundTripUnknown), milliseconds(1));
}

Time Session::silence() const {
  return std::max(limits_.silence, 4 * round_trip());
}

Time Session::late_after() const {
  return std::max(limits_.late_min, round_trip() * 5 / 2);
}

// TCP has lost it, and sends it again; that may be lost as well.
Time Session::first_late_after() const {
  return std::max(limits_.first_late_min, round_trip() * 5 / 4);
}

// While new bytes fill the link, sending others twice would take their place; unless the window is used
// up, so that none may go before the late ones have come.
bool Session::may_resend_late(Time now) const {
  if (stripes_.size() < 2 || is_cut_off(now)) return false;
  return !is_behind(now) || outbound_.is_blocked();
}

// Nothing comes on any stripe, though answers are due on more than one: what is sent now would fill the
// windows of those that rest, and be lost with the rest.
bool Session::is_cut_off(Time now) const {
  const Time due = round_trip() * 3 / 2;
  if (now - heard_ < due) return false;
  const auto owes = [&](const auto& entry) {
    return entry.second.asked && now - *entry.second.asked >= due;
  };
  return std::ranges::count_if(stripes_, owes) > 1;
}

// Another has been heard that was asked no sooner. One that was asked later and is merely not due yet tells
// nothing.
bool Session::is_outdone(const Stripe& stripe) const {
  const Time due = stripe.asked.value_or(stripe.heard) + round_trip();
  return std::ranges::any_of(stripes_, [&](const auto& entry) {
    const auto& other = entry.second;
    return !other.silent_since && !other.is_doomed() && other.heard >= due;
  });
}

bool Session::is_busy(Time now) const {
  return now < moved_ + kBusyFor;
}

}  // namespace sluice::tunnel
