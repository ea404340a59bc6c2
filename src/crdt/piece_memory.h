// Memory for many small pieces that come and go: the last ones to go are kept for the next ones to come.
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

namespace sluice::crdt {

// Whoever takes a piece of some size gives it back with that size. At most kKeptBytes are kept, so that idle memory stays
// small.
class PieceMemory {
 public:
  PieceMemory() = default;
  ~PieceMemory() { release(); }
  PieceMemory(PieceMemory&& other) noexcept
      : free_(std::exchange(other.free_, {})), kept_bytes_(std::exchange(other.kept_bytes_, 0)) {}
  PieceMemory& operator=(PieceMemory&& other) noexcept {
    std::swap(free_, other.free_);
    std::swap(kept_bytes_, other.kept_bytes_);
    return *this;
  }
  PieceMemory(const PieceMemory&) = delete;
  PieceMemory& operator=(const PieceMemory&) = delete;

  void* take(std::size_t bytes) {
    const std::size_t at = class_of(bytes);
    if (at >= kClasses) return ::operator new(bytes);
    Free*& first = free_[at];
    if (first == nullptr) return ::operator new(at * kStep);
    kept_bytes_ -= at * kStep;
    return std::exchange(first, first->next);
  }
  void give(void* piece, std::size_t bytes) {
    const std::size_t at = class_of(bytes);
    if (at >= kClasses || kept_bytes_ >= kKeptBytes) return ::operator delete(piece);
    free_[at] = new (piece) Free{free_[at]};
    kept_bytes_ += at * kStep;
  }

 private:
  static constexpr std::size_t kStep = 16, kClasses = 17;
  static constexpr std::size_t kKeptBytes = std::size_t{1} << 20U;
  struct Free {
    Free* next = nullptr;
  };
  static std::size_t class_of(std::size_t bytes) { return (bytes + kStep - 1) / kStep; }
  void release() {
    for (Free*& first : free_)
      while (first != nullptr) ::operator delete(std::exchange(first, first->next));
  }

  std::array<Free*, kClasses> free_{};  // by size
  std::size_t kept_bytes_ = 0;
};

}  // namespace sluice::crdt
