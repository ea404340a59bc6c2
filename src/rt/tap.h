// Takes bytes out of a stream on a thread other than its core's.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "rt/stream.h"

namespace sluice::rt {

// So that the thread that has a use for the bytes is the one that fetches them into its cache.
class Tap {
 public:
  virtual ~Tap() = default;

  // What has come and fits, perhaps nothing; never waits. That the stream has ended or failed is
  // seen by its next read. One call at a time, none while the stream itself is read.
  virtual std::size_t read_now(std::span<char> into) = 0;
};

// A stream whose bytes are the socket's own. Not TLS: its session lives on one core.
class Tappable {
 public:
  virtual ~Tappable() = default;

  // Of no use once the stream is closed, which any thread's call of it survives.
  virtual std::unique_ptr<Tap> tap() = 0;
};

// Null if the stream has none.
inline std::unique_ptr<Tap> tap_of(Stream& stream) {
  auto* const tappable = dynamic_cast<Tappable*>(&stream);
  return tappable == nullptr ? nullptr : tappable->tap();
}

}  // namespace sluice::rt
