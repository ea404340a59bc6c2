// The receiving side of a tunnel: puts frames in order again, decodes them, and grants the window.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "tunnel/block_codec.h"
#include "tunnel/limits.h"

namespace sluice::tunnel {

// Holds at most limit() - taken bytes of payload, and kFramesHeldMax frames, whatever the peer sends.
class Inbound {
 public:
  // The sender keeps to kFramesUnackedMax; frames that come twice count once.
  static constexpr std::size_t kFramesHeldMax = 2 * kFramesUnackedMax;

  explicit Inbound(const Limits& limits) : limits_(limits), window_(kFirstWindowBytes) {}

  // A kData frame, in any order and any number of times. kProtocol if it lies beyond the limit or
  // only partly overlaps another.
  Result<> receive(Frame frame);

  bool is_readable() const { return at_ < decoded_.size() || !ready_.empty(); }
  // The end of the stream has come and all before it has been read.
  bool has_ended() const { return has_last_ && !is_readable(); }
  // Copies what is next, at least one byte; is_readable() must hold. kProtocol if it cannot be
  // decoded. `round_trip` is what the window is measured by.
  Result<std::size_t> read(std::span<char> into, Time now, Time round_trip);

  std::uint64_t next_offset() const { return next_; }  // all before it have come
  std::uint64_t limit() const { return taken_ + window_; }
  // The limit has moved by so much that the peer should hear of it.
  bool should_tell() const { return limit() - told_ >= window_ / 4; }
  void told() { told_ = limit(); }

  // Frees the decoder; the peer has said that it starts anew.
  void forget();

  std::uint64_t raw_bytes() const { return raw_; }
  std::uint64_t repeated_bytes() const { return repeated_; }
  std::uint64_t held_bytes() const { return ahead_bytes_ + next_ - taken_; }
  std::size_t held_ahead() const { return ahead_.size(); }
  std::uint64_t window_bytes() const { return window_; }

 private:
  void take_in_order(Frame frame);
  void grow_window(Time now, Time round_trip);

  const Limits& limits_;
  BlockDecoder decoder_;
  std::map<std::uint64_t, Frame> ahead_;  // by offset, behind a gap
  std::uint64_t ahead_bytes_ = 0;
  std::deque<Frame> ready_;  // in order, not yet decoded
  std::string decoded_;      // the block that is being read
  std::size_t at_ = 0;       // what of it has been
  std::uint64_t next_ = 0;
  std::uint64_t taken_ = 0;  // encoded bytes that have been decoded
  std::uint64_t window_;
  std::uint64_t told_ = kFirstWindowBytes;
  bool has_last_ = false;
  Time round_began_{0};
  std::uint64_t round_taken_ = 0;
  std::uint64_t raw_ = 0;
  std::uint64_t repeated_ = 0;
};

}  // namespace sluice::tunnel
