#include "tunnel/inbound.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::tunnel {

Result<> Inbound::receive(Frame frame) {
  const auto offset = frame.header.number;
  const std::uint64_t length = frame.header.length;
  if (offset > limit() || length > limit() - offset || has_last_) {
    if (has_last_ && offset + length <= next_) {
      repeated_ += length;
      return {};
    }
    return fail(Errc::kProtocol, "the peer sends more than it was granted");
  }
  if (offset + length <= next_) {
    repeated_ += length;
    return {};
  }
  if (offset < next_) return fail(Errc::kProtocol, "a frame overlaps another");
  if (offset > next_) {
    if (ahead_.contains(offset)) {
      repeated_ += length;
      return {};
    }
    if (ahead_.size() + ready_.size() >= kFramesHeldMax) {
      return fail(Errc::kProtocol, "the peer sends too many small frames");
    }
    ahead_bytes_ += length;
    ahead_.emplace(offset, std::move(frame));
    return {};
  }
  take_in_order(std::move(frame));
  while (!ahead_.empty() && ahead_.begin()->first == next_ && !has_last_) {
    auto node = ahead_.extract(ahead_.begin());
    ahead_bytes_ -= node.mapped().header.length;
    take_in_order(std::move(node.mapped()));
  }
  if (!ahead_.empty() && (ahead_.begin()->first < next_ || has_last_)) {
    return fail(Errc::kProtocol, "a frame overlaps another");
  }
  return {};
}

void Inbound::take_in_order(Frame frame) {
  next_ += frame.header.length;
  if ((frame.header.flags & kLast) != 0) {
    has_last_ = true;
    if (ready_.empty()) taken_ = next_;
    return;
  }
  ready_.push_back(std::move(frame));
}

Result<std::size_t> Inbound::read(std::span<char> into, Time now, Time round_trip) {
  CHECK(is_readable() && !into.empty());
  std::size_t count = 0;
  while (count < into.size() && is_readable()) {
    if (at_ == decoded_.size()) {
      decoded_.clear();
      at_ = 0;
      Frame frame = std::move(ready_.front());
      ready_.pop_front();
      taken_ += frame.header.length;
      if ((frame.header.flags & kZstd) == 0) {
        decoded_ = std::move(frame.payload);
      } else {
        TRY_VOID(decoder_.decode(frame, decoded_));
      }
    }
    const auto piece = std::min(into.size() - count, decoded_.size() - at_);
    decoded_.copy(into.data() + count, piece, at_);
    at_ += piece;
    count += piece;
  }
  if (!is_readable()) decoded_ = {}, at_ = 0;
  raw_ += count;
  grow_window(now, round_trip);
  return count;
}

// A window must hold what comes while its grant travels back and while a packet is lost more than
// once, so several times what the reader takes in a round trip. A reader that is slow takes little,
// and gets little.
constexpr std::uint64_t kRoundsHeld = 6;

void Inbound::grow_window(Time now, Time round_trip) {
  if (now - round_began_ < round_trip) return;
  const auto in_round = taken_ - round_taken_;
  const bool is_one_round = now - round_began_ < 2 * round_trip;
  round_began_ = now;
  round_taken_ = taken_;
  const auto wanted =
      std::clamp(kRoundsHeld * in_round, limits_.window_min.bytes, limits_.window_max.bytes);
  if (wanted > window_) {
    window_ = wanted;
  } else if (is_one_round) {
    // Down slowly, and never under what has been granted.
    const auto lower = std::max(window_ - window_ / 16, wanted);
    window_ = std::max(lower, told_ > taken_ ? told_ - taken_ : 0);
  }
}

void Inbound::forget() {
  if (is_readable() || !ahead_.empty()) return;
  decoder_.forget();
  decoded_ = {};
  at_ = 0;
}

}  // namespace sluice::tunnel
