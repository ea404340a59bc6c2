// Lists from before the module of which others have been told nothing, while something is written to them.
#pragma once

#include <cstdint>

#include "crdt/key_entry.h"
#include "crdt/op.h"

namespace sluice::crdt {

// All `length` elements that the list has before the first op about it.
void begin_untold(KeyState& entry, std::uint64_t length);
// As the maker of a list's op saw it.
std::uint64_t length_before(const Effect& effect);
// Whether another region's op is about what it has alone.
bool spares_untold(const Effect& effect);

}  // namespace sluice::crdt
