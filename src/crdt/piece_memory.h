// Memory for many small pieces that come and go: the last ones to go are kept for the next ones to come.
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

namespace sluice::crdt {

// Whoever takes a piece of some size gives it back with that size. At most kKept pieces of a class are kept, so that
// idle memory stays small.
class PieceMemory {
 public:
  PieceMemory() = default;
  ~PieceMemory() { release(); }
  PieceMemory(PieceMemory&& other) noexcept : free_(std::exchange(other.free_, {})) {}
  PieceMemory& operator=(PieceMemory&& other) noexcept {
    std::swap(free_, other.free_);
    return *this;
  }
  PieceMemory(const PieceMemory&) = delete;
  PieceMemory& operator=(const PieceMemory&) = delete;

  void* take(std::size_t bytes) {
    const std::size_t at = class_of(bytes);
    if (at >= kClasses) return ::operator new(bytes);
    Class& of = free_[at];
    if (of.first == nullptr) return ::operator new(at * kStep);
    --of.count;
    return std::exchange(of.first, of.first->next);
  }
  void give(void* piece, std::size_t bytes) {
    const std::size_t at = class_of(bytes);
    if (at >= kClasses || free_[at].count == kKept) return ::operator delete(piece);
    free_[at].first = new (piece) Free{free_[at].first};
    ++free_[at].count;
  }

 private:
  static constexpr std::size_t kStep = 16, kClasses = 17, kKept = 2'000;
  struct Free {
    Free* next = nullptr;
  };
  struct Class {
    Free* first = nullptr;
    std::size_t count = 0;
  };
  static std::size_t class_of(std::size_t bytes) { return (bytes + kStep - 1) / kStep; }
  void release() {
    for (Class& of : free_)
      while (of.first != nullptr) ::operator delete(std::exchange(of.first, of.first->next));
  }

  std::array<Class, kClasses> free_{};
};

}  // namespace sluice::crdt
