// The keys with ops that not everybody has, in the order in which they may be forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>

#include "crdt/key_entry.h"

namespace sluice::crdt {

struct KeyNameHash {
  std::size_t operator()(const KeyName& key) const {
    return std::hash<std::string>()(key.name) * 31 + key.db;
  }
};

class SideTable {
 public:
  using Keys = std::unordered_map<KeyName, KeyEntry, KeyNameHash>;

  KeyEntry* find(const KeyName& key);
  // Made if there is none; queued to be looked at once what came up to `arrival` is stable.
  KeyEntry& touch(const KeyName& key, std::uint64_t arrival);

  // Prunes what `forgotten` covers from keys that were queued at or before `arrival`: at most
  // `keys_max` of them. True if there may be more.
  bool prune(const VersionVector& forgotten, std::uint64_t arrival, std::uint64_t keys_max);

  const Keys& keys() const { return keys_; }
  Keys& keys() { return keys_; }
  // An entry has got another op; prune() looks what it takes in the end.
  void grow(KeyEntry& entry, std::uint64_t bytes);

  std::uint64_t entries() const;
  std::uint64_t bytes() const { return bytes_; }  // about

 private:
  void weigh(KeyEntry& entry, std::uint64_t bytes);

  struct Queued {
    std::uint64_t at = 0;
    const KeyName* key = nullptr;  // a node's: stays where it is until it is dequeued
  };
  // True if nothing of it is left.
  static bool prune(KeyState& state, const VersionVector& forgotten);

  Keys keys_;
  std::deque<Queued> queue_;
  std::uint64_t bytes_ = 0;
};

}  // namespace sluice::crdt
