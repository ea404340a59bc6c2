// The sending side of a tunnel: blocks, frames, which stripe carries which, and what goes again.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tunnel/block_codec.h"
#include "tunnel/limits.h"
#include "tunnel/yield.h"

namespace sluice::tunnel {

using StripeNumber = std::uint32_t;

// Bytes for a connection. Shared by the window, which may be told that the far side has them, and by
// whoever writes them at that moment.
using Wire = std::shared_ptr<const std::string>;

//   write() -> block -> [encode] -> queue -> next(stripe) -> sent, until acknowledged
//                                                ^------- resend, late ------'
//
// Stripes ask for work when they can write, so each gets what it can carry. Frames stay here until
// the far side has everything up to them.
class Outbound {
 public:
  explicit Outbound(const Limits& limits);

  // Bytes that write() would take now.
  std::size_t room() const;
  // Takes what it can from the front of `bytes` and returns how much.
  std::size_t write(std::string_view bytes, Time now);
  // A stripe delivers so much: a whole block must not take so long that nothing is heard of it.
  void fit_blocks(std::uint64_t bytes_s);
  // Of frames that were not sent before; absent: no limit.
  void set_rate(std::optional<std::uint64_t> bytes_s, Time now) { bucket_.set_rate(bytes_s, now); }
  // When the rate lets the next frame go, if one waits.
  std::optional<Time> rate_due() const;
  // No bytes follow.
  void finish(Time now);
  bool is_finished() const { return is_finished_; }
  // All that was written, and the end, have come.
  bool is_done() const { return is_finished_ && acked_ == sealed_; }

  void add_stripe(StripeNumber stripe, Time now);
  // What it has not delivered goes again on others.
  void remove_stripe(StripeNumber stripe);
  // It is not removed, but others carry what it owes, and it gets nothing more until it is trusted.
  void suspect(StripeNumber stripe);
  void trust(StripeNumber stripe);
  // It gets nothing but what others have been late with, until it is woken.
  void rest(StripeNumber stripe) { stripes_.at(stripe).is_resting = true; }
  void wake(StripeNumber stripe) { stripes_.at(stripe).is_resting = false; }

  // What `stripe` shall write next; null if nothing is to be done now (see due()).
  Wire next(StripeNumber stripe, Time now);
  bool has_work(StripeNumber stripe, Time now) const;
  // When the block that fills up goes, if one does and may.
  std::optional<Time> due() const;

  // kProtocol if more is acknowledged than was sent.
  Result<> acknowledge(StripeNumber stripe, std::uint64_t offset, std::uint64_t limit,
                       std::uint64_t stripe_bytes, Time now);

  // Sends again on others what is late. Returns bytes queued for that.
  std::size_t resend_late(Time now, Time late_after);
  // The same for the oldest alone, if it is so small that it costs next to nothing.
  std::size_t resend_first(Time now, Time late_after);
  // When the oldest frame would be late.
  std::optional<Time> late_at(Time late_after) const;

  // Frees the encoder, if all has come. True if the next block starts anew.
  bool forget();

  struct StripeView {
    std::uint64_t sent = 0;        // payload bytes
    std::uint64_t delivered = 0;   // of these
    std::optional<Time> oldest{};  // when the oldest frame it still owes was sent
    bool is_suspect = false;
  };
  StripeView stripe(StripeNumber number) const;

  // More waits than the far side has granted.
  bool is_blocked() const { return has_waiting() && sealed_ >= limit(); }
  std::uint64_t end_offset() const { return sealed_; }
  bool has_waiting() const { return block_bytes() > 0 || has_sealed(); }
  // Of that, blocks that do not fill up any more.
  bool has_sealed() const { return unsent_ < frames_.size(); }
  bool has_unacked() const { return acked_ < sent_end(); }
  std::uint64_t raw_bytes() const { return raw_; }
  std::uint64_t sent_bytes() const { return sent_end(); }
  std::uint64_t encoded_bytes() const { return sealed_; }
  std::uint64_t acked_bytes() const { return acked_; }
  std::uint64_t resent_bytes() const { return resent_; }
  std::uint64_t held_bytes() const { return sealed_ - acked_ + block_bytes(); }

 private:
  struct Sent {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    StripeNumber stripe = 0;  // that carried it last
    Time at{0};
    bool is_delivered = false;  // says the stripe that carried it
    Wire wire{};
    std::uint64_t end() const { return offset + length; }
  };
  struct Owed {
    std::uint64_t offset = 0;
    std::uint64_t stripe_end = 0;  // the stripe's bytes up to the end of this frame
    Time at{0};
  };
  struct Stripe {
    std::deque<Owed> owed;  // in the order of sending
    std::uint64_t sent = 0;
    std::uint64_t delivered = 0;
    bool is_suspect = false;
    bool is_resting = false;
  };

  std::size_t block_bytes() const { return block_.empty() ? 0 : block_.size() - kHeaderBytes; }
  std::uint64_t unsent_bytes() const { return sealed_ - sent_end() + block_bytes(); }
  std::uint64_t sent_end() const { return unsent_ == 0 ? acked_ : frames_[unsent_ - 1].end(); }
  std::uint64_t limit() const;
  bool may_seal(Time now) const;
  void seal(Time now);
  void push(Header header, std::string wire);
  Sent* find(std::uint64_t offset);
  const Sent* first_again(StripeNumber stripe) const;
  Wire send(StripeNumber stripe, Sent& frame, Time now);
  void give_back(StripeNumber number);

  const Limits& limits_;
  BlockEncoder encoder_;
  std::string block_;    // room for a header, then bytes not yet encoded; or empty
  std::string encoded_;  // the same, for the encoder
  std::size_t block_bytes_max_ = 8 * 1024;  // until the stripes' rates are known
  Bucket bucket_;
  bool is_finished_ = false;
  Time sealed_at_{-std::chrono::hours(1)};
  std::deque<Sent> frames_;        // from acked_ to sealed_, in order
  std::size_t unsent_ = 0;         // index of the first that was never sent
  std::set<std::uint64_t> again_;  // offsets of those that must be sent again
  std::map<StripeNumber, Stripe> stripes_;
  std::uint64_t acked_ = 0;
  std::uint64_t sealed_ = 0;
  std::uint64_t limit_ = kFirstWindowBytes;
  std::uint64_t raw_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t resent_ = 0;
  std::uint64_t late_resent_ = 0;
};

}  // namespace sluice::tunnel
