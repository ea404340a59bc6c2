// How many snapshots are sent at once; the others wait their turn.
#pragma once

#include <cstddef>
#include <utility>

#include "rt/event.h"

namespace sluice::keeper {

class Admission {
 public:
  // Gives its place back when destroyed.
  class Place {
   public:
    Place() = default;
    explicit Place(Admission& from) : from_(&from) {}
    Place(Place&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(from_, other.from_);
      return *this;
    }
    ~Place() {
      if (from_ != nullptr) from_->release();
    }
    explicit operator bool() const { return from_ != nullptr; }

   private:
    Admission* from_ = nullptr;
  };

  Admission(rt::Loop& loop, rt::Clock& clock, std::size_t places)
      : freed_(loop, clock), places_(places) {}

  // Holds nothing if all places are taken.
  Place try_enter() {
    if (taken_ >= places_) return Place{};
    ++taken_;
    return Place{*this};
  }
  rt::Event& freed() { return freed_; }
  std::size_t taken() const { return taken_; }
  void resize(std::size_t places) {
    places_ = places;
    freed_.notify_all();
  }

 private:
  void release() {
    --taken_;
    freed_.notify_all();
  }

  rt::Event freed_;
  std::size_t places_;
  std::size_t taken_ = 0;
};

}  // namespace sluice::keeper
