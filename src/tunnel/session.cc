#include "tunnel/session.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::tunnel {

namespace {

using std::chrono::milliseconds;

constexpr Time kAckDelay = milliseconds(20);  // for what is too little to answer at once
constexpr std::uint64_t kAckBytesDue = 64 * 1024;

std::string frame_of(FrameType type, const Answer& answer) {
  const auto payload = encode(answer);
  std::string frame;
  append(frame, Header{.type = type,
                       .flags = 0,
                       .extra = static_cast<std::uint16_t>(answer.code),
                       .length = static_cast<std::uint32_t>(payload.size()),
                       .number = 0});
  return frame + payload;
}

}  // namespace

std::string reset_frame(const Answer& why) {
  return frame_of(FrameType::kReset, why);
}

Session::Session(Side side, const Limits& limits, Time now)
    : side_(side),
      limits_(limits),
      outbound_(limits),
      inbound_(limits),
      moved_(now),
      heard_(now),
      judge_due_(now + kRateInterval) {}

// --- the two ends of the byte stream --------------------------------------------------------------

std::size_t Session::write(std::string_view bytes, Time now) {
  if (failure_) return 0;
  moved_ = now;
  return outbound_.write(bytes, now);
}

void Session::finish(Time now) {
  if (!failure_) outbound_.finish(now);
}

Result<std::size_t> Session::read(std::span<char> into, Time now) {
  moved_ = now;
  auto count = inbound_.read(into, now, round_trip());
  if (!count) {
    reset(to_answer(count.error(), "peer"));
    return count;
  }
  grant(now);
  return count;
}

// Reading has moved the limit: say so on the stripe that was heard last.
void Session::grant(Time now) {
  if (!inbound_.should_tell() || stripes_.empty()) return;
  const auto later = [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; };
  std::ranges::max_element(stripes_, later)->second.ack_due = now;
}

void Session::fail_with(Error why) {
  if (!failure_) failure_ = std::move(why);
}

void Session::answer(const Answer& answer) {
  if (answered_) return;
  answered_ = answer;
  answer_frame_ = frame_of(FrameType::kAnswer, answer);
  if (!answer.is_ok()) fail_with(to_error(answer));
}

void Session::reset(const Answer& why) {
  if (reset_frame_.empty()) reset_frame_ = frame_of(FrameType::kReset, why);
  fail_with(to_error(why));
}

// --- stripes --------------------------------------------------------------------------------------

void Session::add_stripe(StripeNumber stripe, Time now) {
  outbound_.add_stripe(stripe, now);
  ++added_;
  auto& added = stripes_[stripe];
  added.added = now;
  added.heard = now;
  added.ping_due = now;
  added.ack_due = now;  // tells the peer our window
}

void Session::remove_stripe(StripeNumber stripe, Time) {
  const auto found = stripes_.find(stripe);
  if (found == stripes_.end()) return;
  // With the tunnel all of them end, which tells nothing of them.
  const auto why = found->second.doomed_as.value_or(StripeEnd::kReset);
  if (!failure_) ++ended_[static_cast<std::size_t>(why)];
  outbound_.remove_stripe(stripe);
  stripes_.erase(found);
}

Result<> Session::receive(StripeNumber number, std::string_view bytes, Time now) {
  auto& stripe = stripes_.at(number);
  heard_ = now;
  stripe.heard = now;
  if (stripe.silent_since) {
    stripe.silent_since.reset();
    stripe.outdone_since.reset();
    outbound_.trust(number);
    returned_.push_back(number);
    if (stripe.has_rested) give_up_lost(now);
  }
  while (!bytes.empty()) {
    TRY(auto frame, stripe.reader.take(bytes));
    if (!frame) break;
    TRY_VOID(take(number, stripe, *std::move(frame), now));
  }
  const bool is_due = stripe.is_ping_out || outbound_.stripe(number).oldest;
  stripe.asked = is_due ? std::optional<Time>(now) : std::nullopt;
  return {};
}

Result<> Session::take(StripeNumber number, Stripe& stripe, Frame frame, Time now) {
  const auto& header = frame.header;
  switch (header.type) {
    case FrameType::kData:
      return take_data(stripe, std::move(frame), now);
    case FrameType::kAck:
      return outbound_.acknowledge(number, header.number, read_u64(frame.payload.data()),
                                   read_u64(frame.payload.data() + 8), now);
    case FrameType::kPing:
      stripe.pong = header.number;
      if (header.length != 0 && read_u64(frame.payload.data()) == inbound_.next_offset()) {
        inbound_.forget();
      }
      return {};
    case FrameType::kPong:
      take_pong(stripe, header.number, now);
      return {};
    case FrameType::kAnswer:
      if (side_ == Side::kAcceptor) return fail(Errc::kProtocol, "an answer nobody waits for");
      if (answered_) return {};
      answered_ = decode_answer(header.extra, frame.payload);
      if (!answered_->is_ok()) fail_with(to_error(*answered_));
      return {};
    case FrameType::kReset:
      fail_with(to_error(decode_answer(header.extra, frame.payload)));
      return {};
  }
  return {};
}

Result<> Session::take_data(Stripe& stripe, Frame frame, Time now) {
  moved_ = now;
  stripe.received += frame.header.length;
  TRY_VOID(inbound_.receive(std::move(frame)));
  const bool is_much = stripe.received - stripe.acked >= kAckBytesDue;
  const Time due = is_much || inbound_.should_tell() ? now : now + kAckDelay;
  if (!stripe.ack_due || due < *stripe.ack_due) stripe.ack_due = due;
  return {};
}

// A ping travels behind what the connection still owes, as the bytes that matter do.
void Session::take_pong(Stripe& stripe, std::uint64_t number, Time now) {
  if (!stripe.is_ping_out) return;
  stripe.is_ping_out = false;
  stripe.ping_due = now + (is_busy(now) ? limits_.ping_interval : limits_.keepalive);
  const Time sent{static_cast<Time::rep>(number)};
  if (sent < Time{0} || sent > now) return;
  const Time sample = now - sent;
  stripe.round_trip = stripe.round_trip ? (*stripe.round_trip * 7 + sample) / 8 : sample;
}

bool Session::has_control(const Stripe& stripe, Time now) const {
  if (!reset_frame_.empty()) return !stripe.has_said_reset;
  if (!answer_frame_.empty() && !stripe.has_said_answer) return true;
  if (stripe.pong || (stripe.ack_due && *stripe.ack_due <= now)) return true;
  return stripe.ping_due <= now && !stripe.is_ping_out;
}

bool Session::has_control(StripeNumber number, Time now) const {
  const auto found = stripes_.find(number);
  return found != stripes_.end() && !found->second.is_doomed() && has_control(found->second, now);
}

bool Session::has_work(StripeNumber number, Time now) const {
  const auto found = stripes_.find(number);
  if (found == stripes_.end() || found->second.is_doomed()) return false;
  return has_control(found->second, now) || (!failure_ && outbound_.has_work(number, now));
}

Wire Session::next(StripeNumber number, Time now) {
  const auto found = stripes_.find(number);
  if (found == stripes_.end() || found->second.is_doomed()) return nullptr;
  auto& stripe = found->second;
  if (has_control(stripe, now)) return control(stripe, now);
  if (failure_) return nullptr;
  auto wire = outbound_.next(number, now);
  if (!wire) return nullptr;
  if (!stripe.asked) stripe.asked = now;
  stripe.ping_due = std::min(stripe.ping_due, now + limits_.ping_interval);
  return wire;
}

Wire Session::control(Stripe& stripe, Time now) {
  std::string wire;
  if (!answer_frame_.empty() && !stripe.has_said_answer) {
    stripe.has_said_answer = true;
    wire += answer_frame_;
  }
  if (!reset_frame_.empty()) {
    stripe.has_said_reset = true;
    return std::make_shared<const std::string>(wire + reset_frame_);
  }
  if (stripe.ack_due && *stripe.ack_due <= now) {
    stripe.ack_due.reset();
    stripe.acked = stripe.received;
    inbound_.told();
    append(wire, Header{.type = FrameType::kAck,
                        .flags = 0,
                        .extra = 0,
                        .length = kAckBytes,
                        .number = inbound_.next_offset()});
    append_u64(wire, inbound_.limit());
    append_u64(wire, stripe.received);
  }
  if (stripe.pong) {
    append(wire, Header{.type = FrameType::kPong,
                        .flags = 0,
                        .extra = 0,
                        .length = 0,
                        .number = *std::exchange(stripe.pong, std::nullopt)});
  }
  if (stripe.ping_due <= now && !stripe.is_ping_out) append_ping(wire, stripe, now);
  return std::make_shared<const std::string>(std::move(wire));
}

void Session::append_ping(std::string& wire, Stripe& stripe, Time now) {
  stripe.is_ping_out = true;
  if (!stripe.asked) stripe.asked = now;
  const bool is_fresh = !is_busy(now) && outbound_.forget();
  append(wire, Header{.type = FrameType::kPing,
                      .flags = 0,
                      .extra = 0,
                      .length = static_cast<std::uint32_t>(is_fresh ? kFreshPingBytes : 0),
                      .number = static_cast<std::uint64_t>(now.count())});
  if (is_fresh) append_u64(wire, outbound_.end_offset());
}

SessionStats Session::stats() const {
  SessionStats stats{.raw_sent = outbound_.raw_bytes(),
                     .encoded_sent = outbound_.encoded_bytes(),
                     .resent = outbound_.resent_bytes(),
                     .raw_received = inbound_.raw_bytes(),
                     .repeated = inbound_.repeated_bytes(),
                     .held_to_send = outbound_.held_bytes(),
                     .held_to_read = inbound_.held_bytes(),
                     .window = inbound_.window_bytes(),
                     .stripes = static_cast<std::uint32_t>(stripes_.size()),
                     .stripes_added = added_,
                     .stripes_ended = ended_};
  for (const auto& [number, stripe] : stripes_) {
    if (stripe.silent_since) ++stats.silent_stripes;
    if (stripe.round_trip && (!stats.round_trip || *stripe.round_trip < *stats.round_trip)) {
      stats.round_trip = stripe.round_trip;
    }
  }
  return stats;
}

}  // namespace sluice::tunnel
