// Taking over a peer's snapshot without losing what was written here meanwhile.
#pragma once

#include <deque>
#include <set>
#include <vector>

#include "crdt/key_entry.h"
#include "crdt/region_state.h"

namespace sluice::crdt {

// An op that stands for something live here, to be made once more.
struct Surplus {
  Op op;
  Stamp stamp;
};

// What of `key` was written in `region` and is not covered by `peer`; with
// `keeps_plain` also every element that has no metadata. A string that has none
// gives way to the peer's.
struct SurplusQuery {
  const KeyName& key;
  RegionId region = 0;
  const VersionVector& peer;
  bool keeps_plain = false;
};
std::vector<Surplus> surplus_of(const SurplusQuery& query, KeyState* entry, Keyspace& keyspace);

struct Merging {
  std::unique_ptr<Region::State> peer;
  bool keeps_plain = false;
  std::set<KeyName> merged;
  NotedOps redo;
};

}  // namespace sluice::crdt
