// The end of an incarnation that was cut off, told by the next one: native writes that its replica had, and whose batch it
// had not, keep the names that they have in that batch, since somebody may have it.
#pragma once

#include <cstdint>
#include <optional>

#include "crdt/batch.h"

namespace sluice::crdt {

// The ops of a former incarnation that a batch describes.
struct Taken {
  Actor actor;
  Seq first = 1, last = 0;
};
std::optional<Taken> taken_by(const Batch& batch);

// Whether this op stands for one: not for none, nor for those of a former life.
bool is_native_write(const Op& op);
// How many native writes a batch describes: some ops stand for none, one for many.
std::uint64_t native_writes(const Batch& batch);

}  // namespace sluice::crdt
