// Asking for PSYNC: the request's words, and what a master answers to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "repl/psync.h"

namespace sluice::repl {

// "PSYNC ? -1", or the position held, in the wire's count (the next byte wanted).
std::string psync_command(const std::optional<Position>& from);

// The master goes on from where we asked; `id` is absent if it is the one we named.
struct Continued {
  std::optional<ReplId> id;
};

// The master sends an RDB that stands for `snapshot`.
struct FullResyncBegun {
  Position snapshot;
};

using PsyncReply = std::variant<Continued, FullResyncBegun>;

// kBusy: the master cannot serve us now (loading, its own master is away). kRejected: it refuses
// (no permission, no PSYNC). kProtocol: neither. The detail carries the master's words.
Result<PsyncReply> parse_psync_reply(std::string_view line);

}  // namespace sluice::repl
