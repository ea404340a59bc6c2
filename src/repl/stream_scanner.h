// Follows a replication stream byte by byte, to know where a reader may cut it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "repl/position.h"

namespace sluice::repl {

// A point between two transactions, and the database that is selected there. Replication may be
// resumed here and nowhere else: a replica drops a half-received command or MULTI on reconnect
// (Redis: replicationCacheMasterClient), so its offset is always one of these.
struct Mark {
  Offset offset;
  std::uint32_t db = 0;
  friend bool operator==(const Mark&, const Mark&) = default;
};

}  // namespace sluice::repl
