// What GEO.VECTOR says: who a region is, what it has, and how far it is in the streams of others.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crdt/version_vector.h"
#include "repl/position.h"
#include "resp/reply.h"

namespace sluice::geo {

struct StoredPosition {
  std::string source;
  repl::Position position;
};

struct RegionState {
  std::string region;
  crdt::Actor self;
  crdt::VersionVector vector;
  std::vector<StoredPosition> positions;

  std::optional<repl::Position> position_of(std::string_view source) const;
};

// kRejected with the server's words if it has no such command; kProtocol if this is no such answer.
Result<RegionState> parse_region_state(const resp::Reply& reply);

// [[id, incarnation, seq], ...], as GEO.VECTOR and GEO.DIGEST have it.
Result<crdt::VersionVector> parse_vector(const resp::Reply& reply);

// "1.1:523 2.1:77"
std::string to_string(const crdt::VersionVector& vector);

}  // namespace sluice::geo
