// What an effect does to single elements, as one list for all types.
#pragma once

#include <string>
#include <vector>

#include "crdt/element.h"
#include "crdt/keyspace.h"
#include "crdt/op.h"

namespace sluice::crdt {

// That a stream is there is an element of it, without a name, which every entry writes and no XDEL removes: an
// empty stream is a key in Redis.
//
// Writes and removes kill what they observed; an increment or addition kills nothing. A remove
// leaves nothing live.
struct ElementOp {
  std::string name;
  bool kills = true;
  bool is_live = false;
  Live op = {};  // of a write with its value; the caller sets stamp and creates
};

std::vector<ElementOp> element_ops(const Effect& effect);

// The body that an effect is about; kNone for RemoveKey, SetDeadline and Flush.
ValueType type_of(const Effect& effect);

}  // namespace sluice::crdt
