// The keys with ops that not everybody has, in the order in which they may be forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "crdt/key_index.h"

namespace sluice::crdt {

class SideTable {
 public:
  KeyEntry* find(const KeyView& key) const { return keys_.find(key); }
  // Made if there is none; queued to be looked at once what came up to `arrival` is stable.
  KeyEntry& touch(const KeyView& key, std::uint64_t arrival);
  // Changes an entry by `use`, and knows what it takes afterwards.
  // May be nested: whoever merges into a key may find that it has expired.
  template <typename Use>
  void change(KeyEntry& entry, Use use) {
    if (changing_ == &entry) return use(entry);
    const KeyEntry* const outer = std::exchange(changing_, &entry);
    const auto before = entry.bytes();
    use(entry);
    bytes_ = bytes_ + entry.bytes() - before;
    changing_ = outer;
  }

  // Of an op of this region, as KeyEntry::note; false: change() has to note it.
  bool note(const OneWrite& one, const Stamp& stamp, std::uint64_t arrival);

  struct Forgetting {
    const VersionVector& forgotten;
    std::uint64_t arrival = 0;
    bool keeps_untold = false;  // lists with elements that others have not been told
  };
  // Prunes what is forgotten from keys that were queued at or before that arrival: at most `keys_max` of them. True
  // if there may be more. A list with nothing but stable elements that is kept is set aside until it is touched.
  bool prune(const Forgetting& by, std::uint64_t keys_max);
  void queue_those_set_aside();

  std::size_t size() const { return keys_.size(); }
  template <typename Each>
  void for_each(Each each) const {
    keys_.for_each(each);
  }

  std::uint64_t entries() const;
  std::uint64_t bytes() const { return bytes_; }  // about

 private:
  // So many keys were queued at `at`.
  struct Queued {
    std::uint64_t at = 0;
    std::uint64_t keys = 0;
  };
  void enqueue(KeyEntry& entry, std::uint64_t at);
  // True if nothing of it is left.
  static bool prune(KeyState& state, const Forgetting& by);
  bool keep_untold(KeyEntry& entry, const Forgetting& by);

  KeyIndex keys_;
  std::deque<KeyEntry*> queue_;
  std::deque<Queued> queued_;  // what is in `queue_`, from its front
  std::uint64_t bytes_ = 0;
  const KeyEntry* changing_ = nullptr;
};

}  // namespace sluice::crdt
