// A set of key entries, found by name.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "crdt/key_entry.h"

namespace sluice::crdt {

// Owns the entries. Open addressing with linear probing, in parts that grow and shrink by themselves, so that no
// write waits for all of a large table to be moved.
//
//   slot = 16 bits of the key's hash, then 48 bits of the entry's address; 0 is free
//
// User addresses have 47 bits on the machines that Redis is packaged for; insert() checks it.
class KeyIndex {
 public:
  KeyIndex() = default;
  ~KeyIndex();
  KeyIndex(KeyIndex&& other) noexcept;
  KeyIndex& operator=(KeyIndex&& other) noexcept;
  KeyIndex(const KeyIndex&) = delete;
  KeyIndex& operator=(const KeyIndex&) = delete;

  KeyEntry* find(const KeyView& key) const;
  // Made if there is none. It stays where it is until it is erased.
  KeyEntry& operator[](const KeyView& key);
  void erase(const KeyEntry& entry);

  std::size_t size() const { return size_; }
  // `each` must not add or erase.
  template <typename Each>
  void for_each(Each each) const {
    for (const Part& part : parts_)
      for (const Slot slot : part.slots)
        if (slot != 0) each(*entry_of(slot));
  }

 private:
  using Slot = std::uint64_t;
  struct Part {
    std::vector<Slot> slots;  // a power of two, or none
    std::size_t used = 0;
  };
  static constexpr std::size_t kParts = 256;
  static constexpr std::size_t kSlotsMin = 32;  // kept by whoever has had an entry

  static KeyEntry* find(const Part& part, const KeyView& key, std::uint64_t hash);
  static KeyEntry* entry_of(Slot slot);
  static std::size_t home(const Part& part, Slot slot);
  static void resize(Part& part, std::size_t slots);
  static void put(Part& part, Slot slot);

  PieceMemory memory_;
  std::array<Part, kParts> parts_;
  std::size_t size_ = 0;
};

}  // namespace sluice::crdt
