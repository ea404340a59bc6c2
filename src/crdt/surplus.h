// What a region that takes a peer's snapshot has of its own on top of it.
#pragma once

#include <vector>

#include "crdt/key_entry.h"
#include "crdt/keyspace.h"
#include "crdt/op.h"
#include "crdt/version_vector.h"
#include "crdt/wire.h"

namespace sluice::crdt {

// An op that stands for something live here, to be made once more.
struct Surplus {
  Op op;
  Stamp stamp;
};
void encode_surplus(const Surplus& surplus, Writer& into);
Surplus decode_surplus(Reader& from);

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

}  // namespace sluice::crdt
