// What an effect does to single elements, as one list for all types.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crdt/element.h"
#include "crdt/keyspace.h"
#include "crdt/op.h"

namespace sluice::crdt {

// Writes and removes kill what they observed; an increment or addition (`adds`) kills nothing. A remove
// leaves nothing live.
struct ElementOp {
  std::string_view name;
  bool kills = true;
  bool is_live = false;
  Live op = {};  // of a write with its value; the caller sets stamp and creates
};

std::vector<ElementOp> element_ops(const Effect& effect);

// The body that an effect is about; kNone for RemoveKey, SetDeadline and Flush.
ValueType type_of(const Effect& effect);

}  // namespace sluice::crdt
