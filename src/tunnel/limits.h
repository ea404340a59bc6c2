// The limits and times of a tunnel between two Sluice peers, each with its default.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/byte_size.h"
#include "tunnel/block_codec.h"

namespace sluice::tunnel {

using base::operator""_KiB;
using base::operator""_MiB;

// Time as it is passed in: since any start, and never backwards.
using Time = std::chrono::nanoseconds;

struct Limits {
  // What one direction of a tunnel may hold at its receiver: sent and not yet taken there. Grows
  // from the least to the most with what the reader takes in a round trip, so a fast path is filled
  // and a slow destination holds little.
  base::ByteSize window_min = 1_MiB;
  base::ByteSize window_max = 64_MiB;
  // What a writer may leave here unsent before it has to wait.
  base::ByteSize unsent_max = 256_KiB;
  // Connections of a tunnel that carries more than `one_stripe_bytes`; one before that.
  std::uint32_t stripes = 4;
  base::ByteSize one_stripe_bytes = 256_KiB;
  // What a connection's socket may hold unsent: little, so that what waits can go by another; but up to
  // so much, as fast as it is, if more waits than they all take: a socket that runs dry while its writer is
  // being woken passes for one whose writer has nothing to say, and BBR then does not learn its path.
  base::ByteSize unsent_low = 16_KiB;
  base::ByteSize unsent_low_behind = 512_KiB;
  // A block is sent at once if none was for so long; else it may fill up, for no longer than this.
  Time flush_interval = std::chrono::milliseconds(2);
  CompressionOptions compression{};

  Time keepalive = std::chrono::seconds(5);             // a ping on an idle stripe
  Time ping_interval = std::chrono::milliseconds(500);  // and on a busy one
  // A stripe from which nothing came for so long, though an answer is due, is silent. At least this
  // and at least four round trips.
  Time silence = std::chrono::milliseconds(1000);
  // Then it is replaced, if others are not silent.
  Time silent_stripe_life = std::chrono::seconds(3);
  // After so long without anything on any stripe another relay of the hop is tried, where there is one.
  Time silence_suspect = std::chrono::milliseconds(2000);
  // A tunnel all of whose stripes are silent for so long ends; PSYNC then resumes on another.
  Time cut_max = std::chrono::seconds(90);
  // How often a new connection is tried while all stripes are silent.
  Time probe_interval = std::chrono::milliseconds(500);
  // What was ended here and not yet taken there is kept for so long.
  Time linger = std::chrono::seconds(30);
  // A tunnel that sends as much as it can leaves room for small ones on the same path (see yield.h).
  bool bulk_yields = true;
  // Frames that are late by this and two and a half round trips are sent again on another stripe.
  Time late_min = std::chrono::milliseconds(300);
  // A small one that holds up all others already after one and a quarter, as TCP sends it a second time.
  Time first_late_min = std::chrono::milliseconds(100);
};

// Not to be set: both sides rely on them.
inline constexpr std::uint64_t kFirstWindowBytes = 256 * 1024;  // before the first kAck
inline constexpr std::size_t kFramesUnackedMax = 16 * 1024;     // sent and not acknowledged
inline constexpr std::uint32_t kStripesMax = 32;                // of a tunnel, at a time

}  // namespace sluice::tunnel
