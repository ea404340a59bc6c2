// Answering PSYNC: continue the stream a replica has, or start it over from a snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "repl/position.h"

namespace sluice::repl {

// The part of a stream that can still be read back. Invariant: begin <= end.
struct Window {
  Offset begin;
  Offset end;
  bool contains(Offset offset) const { return begin <= offset && offset <= end; }
};

// The streams a node can continue: its own and, each up to the failover that ended it, those of
// its predecessors, oldest first. Redis knows one predecessor (master_replid2 and
// second_repl_offset); a log on disk remembers them all.
struct History {
  ReplId id;
  Window held;
  std::vector<Position> inherited;
};

// `from` is absent in "PSYNC ? -1", the request of a replica that holds nothing.
struct PsyncRequest {
  std::optional<Position> from;
};

Result<PsyncRequest> parse_psync(std::string_view replid, std::string_view next_byte);

struct Continue {
  Position from;  // its id may differ from the request's: the replica must adopt it
};

enum class FullResyncReason : std::uint8_t {
  kAsked,
  kUnknownHistory,
  kOverwritten,  // retention took the bytes it lacks
  kAhead         // of a history we share: bytes it has and we do not (yet)
};

struct FullResync {
  FullResyncReason reason;
};

using PsyncAnswer = std::variant<Continue, FullResync>;

PsyncAnswer answer(const History& history, const PsyncRequest& request);

}  // namespace sluice::repl
