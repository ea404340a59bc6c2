#include "repl/psync.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace sluice::repl {
namespace {

bool shares_history(const History& history, const Position& position) {
  if (position.id == history.id) return true;
  return std::ranges::any_of(history.inherited, [&](const Position& ended) {
    return position.id == ended.id && position.offset <= ended.offset;
  });
}

}  // namespace

Result<PsyncRequest> parse_psync(std::string_view replid, std::string_view next_byte) {
  if (replid == "?") return PsyncRequest{};
  TRY(const auto id, ReplId::parse(replid));
  std::uint64_t next = 0;
  const auto [end, error] = std::from_chars(next_byte.begin(), next_byte.end(), next);
  if (error != std::errc{} || end != next_byte.end() || next == 0) {
    return fail(Errc::kProtocol, "PSYNC offset is not a positive number");
  }
  return PsyncRequest{Position{id, Offset{next - 1}}};
}

PsyncAnswer answer(const History& history, const PsyncRequest& request) {
  if (!request.from) return FullResync{FullResyncReason::kAsked};
  if (!shares_history(history, *request.from)) {
    return FullResync{FullResyncReason::kUnknownHistory};
  }
  if (request.from->offset < history.held.begin) return FullResync{FullResyncReason::kOverwritten};
  if (request.from->offset > history.held.end) return FullResync{FullResyncReason::kAhead};
  return Continue{Position{history.id, request.from->offset}};
}

}  // namespace sluice::repl
