// For property tests: bytes in pieces of random sizes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <rapidcheck.h>

namespace sluice {

// Steps of 1 to `max`, drawn once: a draw of rapidcheck for each is slow.
class Steps {
 public:
  explicit Steps(std::size_t max) : max_(max), state_(*rc::gen::arbitrary<std::uint32_t>()) {}
  std::size_t next() {
    state_ = state_ * 1664525U + 1013904223U;
    return 1 + (state_ >> 8U) % max_;
  }

 private:
  std::size_t max_;
  std::uint32_t state_;
};

}  // namespace sluice
