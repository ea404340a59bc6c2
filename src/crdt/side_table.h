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
  void erase_if_empty(const KeyName& key);

  // Prunes what `forgotten` covers from keys that were queued at or before `arrival`: at most
  // `keys_max` of them. True if there may be more.
  bool prune(const VersionVector& forgotten, std::uint64_t arrival, std::uint64_t keys_max);

  const Keys& keys() const { return keys_; }
  Keys& keys() { return keys_; }
  std::uint64_t entries() const;
  std::uint64_t bytes() const;

 private:
  struct Queued {
    std::uint64_t at = 0;
    const KeyName* key = nullptr;  // a node's: stays where it is until it is dequeued
  };
  // True if nothing of it is left.
  static bool prune(KeyEntry& entry, const VersionVector& forgotten, std::uint64_t arrival);

  Keys keys_;
  std::deque<Queued> queue_;
};

}  // namespace sluice::crdt
