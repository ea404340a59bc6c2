// The bytes of an effect, by its kind: its index in the variant, which is therefore never reordered.
#pragma once

#include "crdt/op.h"
#include "crdt/wire.h"

namespace sluice::crdt {

void encode_effect(const Effect& effect, Writer& into);
Effect decode_effect(std::uint8_t kind, Reader& from);

void encode_fields(const std::vector<Field>& fields, Writer& into);
std::vector<Field> decode_fields(Reader& from);

}  // namespace sluice::crdt
