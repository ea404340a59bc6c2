#include "tunnel/outbound.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::tunnel {

namespace {

constexpr std::size_t kLateBytesMax = 1 << 20;  // sent again at once because they are late
constexpr std::size_t kFirstBytesMax = 4096;    // sent again soon because everything waits for it
constexpr std::uint64_t kLateShare = 8;         // and at most one in so many bytes over all
constexpr std::size_t kBlocksPerSecond = 4;     // of a stripe at least, so that it is heard of
constexpr std::size_t kBlockBytesLeast = 1024;

void write_header(std::string& wire, const Header& header) {
  std::string bytes;
  append(bytes, header);
  std::ranges::copy(bytes, wire.begin());
}

}  // namespace

Outbound::Outbound(const Limits& limits) : limits_(limits), encoder_(limits.compression) {}

std::size_t Outbound::room() const {
  if (is_finished_) return 0;
  const auto unsent = unsent_bytes();
  if (unsent >= limits_.unsent_max.bytes) return 0;
  const auto room = static_cast<std::size_t>(limits_.unsent_max.bytes - unsent);
  if (frames_.size() < kFramesUnackedMax) return room;
  return std::min(room, block_bytes_max_ - std::min(block_bytes_max_, block_bytes()));
}

std::size_t Outbound::write(std::string_view bytes, Time now) {
  bytes = bytes.substr(0, room());
  const std::size_t taken = bytes.size();
  raw_ += taken;
  while (!bytes.empty()) {
    if (block_.empty()) {
      block_.reserve(kHeaderBytes + std::min(bytes.size(), block_bytes_max_));
      block_.resize(kHeaderBytes);
    }
    const auto left = block_bytes_max_ - std::min(block_bytes_max_, block_bytes());
    const auto count = std::min(bytes.size(), left);
    block_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (block_bytes() >= block_bytes_max_) seal(now);
  }
  return taken;
}

void Outbound::fit_blocks(std::uint64_t bytes_s) {
  const auto wanted = static_cast<std::size_t>(bytes_s) / kBlocksPerSecond;
  if (wanted < block_bytes_max_ && !has_waiting()) return;  // it is the writer that is slow
  block_bytes_max_ = std::clamp(wanted, kBlockBytesLeast, kBlockBytesMax);
}

void Outbound::finish(Time now) {
  if (is_finished_) return;
  if (block_bytes() > 0) seal(now);
  is_finished_ = true;
  const Header last{
      .type = FrameType::kData, .flags = kLast, .extra = 0, .length = 1, .number = sealed_};
  push(last, std::string(kHeaderBytes + 1, '\0'));
}

// `wire` has room for the header at its front.
void Outbound::push(Header header, std::string wire) {
  write_header(wire, header);
  Sent frame{.offset = sealed_,
             .length = header.length,
             .wire = std::make_shared<const std::string>(std::move(wire))};
  frames_.push_back(std::move(frame));
  sealed_ += header.length;
}

void Outbound::seal(Time now) {
  sealed_at_ = now;
  Header header{.type = FrameType::kData, .flags = 0, .extra = 0, .length = 0, .number = sealed_};
  if (encoder_.passes()) {
    encoder_.passed(block_bytes());
    header.length = static_cast<std::uint32_t>(block_bytes());
    push(header, std::exchange(block_, {}));
    return;
  }
  encoded_.assign(kHeaderBytes, '\0');
  const auto encoded = encoder_.encode(std::string_view(block_).substr(kHeaderBytes), encoded_);
  header.flags = encoded.flags;
  header.extra = encoded.extra;
  header.length = static_cast<std::uint32_t>(encoded_.size() - kHeaderBytes);
  push(header, encoded_);
  block_.clear();
}

bool Outbound::may_seal(Time now) const {
  if (block_bytes() == 0 || frames_.size() >= kFramesUnackedMax) return false;
  if (block_bytes() >= block_bytes_max_ || encoder_.passes()) return true;
  return now - sealed_at_ >= limits_.flush_interval;
}

std::optional<Time> Outbound::due() const {
  if (block_bytes() == 0 || unsent_ < frames_.size() || sealed_ >= limit()) return std::nullopt;
  if (frames_.size() >= kFramesUnackedMax) return std::nullopt;
  return sealed_at_ + limits_.flush_interval;
}

// Frames stay here until they are acknowledged, so a far side that grants more than it may ever
// take must not fill our memory either.
std::uint64_t Outbound::limit() const {
  return std::min(limit_, acked_ + limits_.window_max.bytes);
}

void Outbound::add_stripe(StripeNumber stripe, Time) {
  CHECK(stripes_.try_emplace(stripe).second);
}

void Outbound::remove_stripe(StripeNumber stripe) {
  give_back(stripe);
  stripes_.erase(stripe);
}

void Outbound::suspect(StripeNumber stripe) {
  auto& suspected = stripes_.at(stripe);
  if (suspected.is_suspect) return;
  suspected.is_suspect = true;
  give_back(stripe);
}

void Outbound::trust(StripeNumber stripe) {
  stripes_.at(stripe).is_suspect = false;
}

void Outbound::give_back(StripeNumber number) {
  for (const auto& owed : stripes_.at(number).owed) {
    const Sent* const frame = find(owed.offset);
    if (frame && frame->stripe == number && !frame->is_delivered) again_.insert(frame->offset);
  }
}

Outbound::Sent* Outbound::find(std::uint64_t offset) {
  const auto at = std::ranges::lower_bound(frames_, offset, {}, &Sent::offset);
  return at != frames_.end() && at->offset == offset ? &*at : nullptr;
}

// Not one that the stripe has carried itself: it would only come behind the first.
const Outbound::Sent* Outbound::first_again(StripeNumber stripe) const {
  for (const auto offset : again_) {
    const Sent* const frame = const_cast<Outbound*>(this)->find(offset);
    if (frame->stripe != stripe || !stripes_.contains(frame->stripe)) return frame;
  }
  return nullptr;
}

bool Outbound::has_work(StripeNumber stripe, Time now) const {
  const auto found = stripes_.find(stripe);
  if (found == stripes_.end() || found->second.is_suspect) return false;
  if (!bucket_.has_any(now)) return false;
  if (first_again(stripe)) return true;
  if (found->second.is_resting) return false;
  if (unsent_ < frames_.size()) return frames_[unsent_].end() <= limit();
  return sealed_ < limit() && may_seal(now);
}

Wire Outbound::next(StripeNumber stripe, Time now) {
  if (!has_work(stripe, now)) return nullptr;
  if (const Sent* const late = first_again(stripe)) {
    again_.erase(late->offset);
    resent_ += late->length;
    bucket_.take(late->length, now);
    return send(stripe, *find(late->offset), now);
  }
  if (unsent_ == frames_.size()) seal(now);
  Sent& frame = frames_[unsent_];
  if (frame.end() > limit()) return nullptr;
  ++unsent_;
  bucket_.take(frame.length, now);
  return send(stripe, frame, now);
}

std::optional<Time> Outbound::rate_due() const {
  return has_waiting() || !again_.empty() ? bucket_.free_at() : std::nullopt;
}

Wire Outbound::send(StripeNumber stripe, Sent& frame, Time now) {
  frame.stripe = stripe;
  frame.at = now;
  sent_ += frame.length;
  auto& by = stripes_.at(stripe);
  by.sent += frame.length;
  by.owed.push_back({.offset = frame.offset, .stripe_end = by.sent, .at = now});
  return frame.wire;
}

Result<> Outbound::acknowledge(StripeNumber stripe, std::uint64_t offset, std::uint64_t limit,
                               std::uint64_t stripe_bytes, Time) {
  auto& by = stripes_.at(stripe);
  if (offset > sent_end() || stripe_bytes > by.sent) {
    return fail(Errc::kProtocol, "the peer acknowledges bytes that were not sent");
  }
  limit_ = std::max(limit_, limit);
  by.delivered = std::max(by.delivered, stripe_bytes);
  while (!by.owed.empty() && by.owed.front().stripe_end <= by.delivered) {
    if (Sent* const frame = find(by.owed.front().offset)) {
      frame->is_delivered = true;
      again_.erase(frame->offset);
    }
    by.owed.pop_front();
  }
  while (!frames_.empty() && frames_.front().end() <= offset) {
    again_.erase(frames_.front().offset);
    acked_ = frames_.front().end();
    frames_.pop_front();
    --unsent_;
  }
  return {};
}

std::optional<Time> Outbound::late_at(Time late_after) const {
  if (unsent_ == 0 || frames_.front().is_delivered) return std::nullopt;
  if (again_.contains(frames_.front().offset)) return std::nullopt;
  return frames_.front().at + late_after;
}

// The front frame holds up everything behind it. Its stripe has lost it more than once, or carries
// next to nothing, so what else it owes for so long is late as well.
std::size_t Outbound::resend_late(Time now, Time late_after) {
  const auto due = late_at(late_after);
  if (!due || now < *due) return 0;
  const auto stripe = frames_.front().stripe;
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < unsent_ && bytes < kLateBytesMax; ++at) {
    const Sent& frame = frames_[at];
    if (frame.stripe != stripe || frame.is_delivered || now < frame.at + late_after) continue;
    if (late_resent_ + frame.length > sent_ / kLateShare + kLateBytesMax) break;
    if (!again_.insert(frame.offset).second) continue;
    late_resent_ += frame.length;
    bytes += frame.length;
  }
  return bytes;
}

std::size_t Outbound::resend_first(Time now, Time late_after) {
  const auto due = late_at(late_after);
  if (!due || now < *due) return 0;
  const auto length = frames_.front().length;
  if (length > kFirstBytesMax || late_resent_ + length > sent_ / kLateShare + kLateBytesMax)
    return 0;
  again_.insert(frames_.front().offset);
  late_resent_ += length;
  return length;
}

bool Outbound::forget() {
  if (block_bytes() > 0 || acked_ != sealed_) return false;
  encoder_.forget();
  block_ = {};
  encoded_ = {};
  return true;
}

Outbound::StripeView Outbound::stripe(StripeNumber number) const {
  const auto& by = stripes_.at(number);
  StripeView view{.sent = by.sent, .delivered = by.delivered, .is_suspect = by.is_suspect};
  if (!by.owed.empty()) view.oldest = by.owed.front().at;
  return view;
}

}  // namespace sluice::tunnel
