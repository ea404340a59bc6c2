// Which keys have been seen, in 16 bytes each.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "crdt/op.h"

namespace sluice::crdt {

// Fingerprints of 128 bits: of 10^9 keys two are taken for one with a probability below 10^-20. Not
// against somebody who chooses keys to that end.
class KeySet {
 public:
  struct Print {
    std::uint64_t high = 0, low = 0;
    friend bool operator==(const Print&, const Print&) = default;
  };

  bool insert(const KeyName& key) { return insert(print_of(key)); }  // false: it was there
  bool insert(Print print);
  bool contains(const KeyName& key) const;
  std::uint64_t size() const { return size_; }
  std::uint64_t bytes() const { return slots_.size() * sizeof(Print); }

  template <typename Each>
  void for_each(Each each) const {
    for (const Print& print : slots_)
      if (print != Print{}) each(print);
  }

 private:
  static Print print_of(const KeyName& key);
  std::size_t slot_of(Print print) const;  // where it is, or would be

  std::vector<Print> slots_;  // a power of two, at most three quarters full; zero: free
  std::uint64_t size_ = 0;
};

}  // namespace sluice::crdt
