// Taking over a peer's snapshot without losing what was written here meanwhile.
#pragma once

#include <deque>
#include <unordered_map>
#include <vector>

#include "crdt/key_set.h"
#include "crdt/region_state.h"
#include "crdt/surplus.h"

namespace sluice::crdt {

// An attempt. The next one, after a failure or from another peer, goes on from what this one has left: keys that have
// been merged are the old peer's with our writes on top, which `redo` tells, and the metadata no more.
struct KeyNameHash {
  std::size_t operator()(const KeyName& key) const {
    return std::hash<std::string>()(key.name) * 31 + key.db;
  }
};

struct Merging {
  // Absent: it is to be begun anew, after a restart.
  std::unique_ptr<Region::State> peer = {};
  bool keeps_plain = false;
  bool is_sweeping = false;
  // The life that began with a return of ours which we have forgotten, by a failover or a restart: it told all that was
  // written here in the lives before.
  std::uint32_t forgotten_return = 0;
  KeySet merged = {};
  std::deque<Surplus> redo = {};
  std::deque<KeyName> late = {};  // written first while the rest was swept
  // Of attempts before this one; what has been merged again is not in it.
  KeySet merged_before = {};
  std::unordered_map<KeyName, std::vector<Surplus>, KeyNameHash> redone_before = {};

  std::vector<Surplus> take_redone(const KeyName& key);
  std::uint64_t undescribed() const;  // native writes in the snapshot whose batch was not yet there
};

}  // namespace sluice::crdt
