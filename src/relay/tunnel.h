// Carries bytes both ways between two streams until both have ended.
#pragma once

#include <cstdint>
#include <string>

#include "rt/host.h"

namespace sluice::relay {

// Bytes that passed one way, and those that wait now because their receiver is slow.
struct Flow {
  std::uint64_t bytes = 0;
  std::uint64_t waiting = 0;
};

// Reads into the core's shared buffer and keeps only what the receiver does not take at once, so an
// idle tunnel holds no buffer. While bytes wait, nothing more is read of that direction.
class Pump {
 public:
  // All outlive the pump. At most `piece_bytes` wait per direction.
  Pump(rt::Host& host, rt::Stream& front, rt::Stream& back, std::size_t piece_bytes)
      : host_(host), front_(front), back_(back), piece_bytes_(piece_bytes) {}

  // `early` came from the front behind the line. An end in one direction is passed on and leaves the
  // other open; a failure ends both. Returns it, or nothing after two orderly ends.
  rt::Task<Result<>> run(std::string early);

  const Flow& out() const { return out_; }    // from front to back
  const Flow& home() const { return home_; }  // from back to front

 private:
  rt::Task<Result<>> carry(rt::Stream& from, rt::Stream& to, Flow& flow);
  rt::Task<void> carry_home();
  void fail_both(const Error& why);

  rt::Host& host_;
  rt::Stream& front_;
  rt::Stream& back_;
  const std::size_t piece_bytes_;
  Flow out_;
  Flow home_;
  Result<> outcome_;  // the first failure
};

}  // namespace sluice::relay
