// Merges one op into one key: its metadata, and for an op from elsewhere its native value.
#pragma once

#include <cstdint>
#include <vector>

#include "crdt/context.h"
#include "crdt/key_entry.h"
#include "crdt/keyspace.h"
#include "crdt/late_sums.h"
#include "crdt/op.h"
#include "crdt/region.h"

namespace sluice::crdt {

// What merging wants to be counted and shown.
class ConflictLog {
 public:
  virtual ~ConflictLog() = default;
  virtual void lost_write(const KeyName& key, std::string_view element, const Stamp& winner,
                          const Stamp& loser) = 0;
  virtual void lost_type(const KeyName& key, const Stamp& winner, const Stamp& loser) = 0;
  virtual void survived_remove(const KeyName& key, std::string_view element) = 0;
};

// An op of this region, whose native write is done: everything that is here was seen by it. Metadata only.
void note_op(const Op& op, const Stamp& stamp, KeyState& entry);

// An op from elsewhere, made in `context`. True if something here was concurrent to it.
// `here` is what has been applied here before it.
struct Arrival {
  const Op& op;
  const Stamp& stamp;
  const Context& context;
  const VersionVector& here;
  Untold untold = Untold::kSeen;  // of lists (Region::begin_adoption)
  bool is_adopting = false;       // numbers may stand here on what its maker lacks
  LateSums* late_sums = nullptr;  // where sums may wait; nothing that is_before() the op does
};
// The op is here: it changes places among those that it does not know, as if it had had that stamp.
void restamp_op(const Arrival& arrival, KeyState& entry, Keyspace& keyspace,
                ConflictLog& conflicts);
bool merge_op(const Arrival& arrival, KeyState& entry, Keyspace& keyspace, ConflictLog& conflicts);

}  // namespace sluice::crdt
