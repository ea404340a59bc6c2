// The bytes in which ops travel: one batch is what one region's master did in one turn of its event loop.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crdt/dot.h"
#include "crdt/op.h"
#include "crdt/version_vector.h"
#include "crdt/wire.h"

namespace sluice::crdt {

// The format is docs/protocol/geo.md. `context` and `promise` hold only what changed since the same
// actor's batch before; merging them into what was known of that actor gives the whole vectors.
struct BatchHeader {
  Actor actor;
  Seq first = 1;            // of the ops here; of the next op where there are none
  std::uint32_t count = 0;  // an empty batch only announces a promise, any number of times
  // The native writes up to here are described by this batch and the next, not by this one alone.
  bool more = false;
  Hlc hlc;
  // Greater than all stamps before these ops in their maker's stream, and known to whoever has read that far: the
  // stamp of those ops that are not ordered by time (see stamp_of).
  Hlc base;
  // What the maker had applied from others before these ops: their causal context.
  std::vector<Dot> context;
  // What the maker will not forget, because its replicas have it too: by this others judge stability.
  std::vector<Dot> promise;
};

// Of ops that were here before anybody noted anything (Region::note_old): no native write stands before such a batch.
inline bool tells_of_old(const BatchHeader& header) {
  return header.hlc == kOldHlc;
}

struct Batch {
  BatchHeader header;
  std::vector<Op> ops;
};

// So long a batch is closed, with the op that made it so long. An op may be as long as an argument of a command, of which Redis
// takes 512 MiB (proto-max-bulk-len), unless told to take more.
inline constexpr std::size_t kBatchBytesEnough = std::size_t{1} << 20U;
inline constexpr std::size_t kBatchBytesMax = std::size_t{1} << 30U;

// Of the op `dot` of that batch. Increments and insertions need an order which their maker's replicas know without the
// batch; what the last writer wins needs the time.
bool is_timed(const Effect& effect);
Stamp stamp_of(const BatchHeader& header, const Effect& effect, Dot dot);

std::string encode(const Batch& batch);

// Ops as they stand in a batch, one after the other, for whoever builds it piece by piece. `before` is the
// key of the op before, which the next one need not repeat; none for the first.
void encode_op(const Op& op, const std::optional<KeyView>& before, Writer& into);
void encode_key(const KeyView& key, const std::optional<KeyView>& before, Writer& into);
Op decode_op(const KeyName* before, Reader& from);
void encode_header(const BatchHeader& header, Writer& into);

// What a TakeOver describes; nothing if those bytes are no ops.
std::vector<Op> ops_of(const TakeOver& take_over);

// kProtocol, saying what is wrong and at which byte, for whatever is not exactly one batch.
Result<Batch> decode_batch(std::string_view bytes);

// Reads the front only: enough for a link to decide whether somebody needs this batch.
Result<BatchHeader> decode_header(std::string_view bytes);

}  // namespace sluice::crdt
