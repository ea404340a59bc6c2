#include "replog/command_log.h"

#include <limits>

#include "repl/stream_scanner.h"

namespace sluice::replog {
namespace {

// A master may send anything that it holds.
constexpr resp::CommandLimits kNoLimits{.query_bytes = std::numeric_limits<std::size_t>::max() / 2,
                                        .line_bytes = 64U << 10,
                                        .bulk_bytes = std::numeric_limits<std::int64_t>::max() / 2,
                                        .arguments = std::numeric_limits<std::int32_t>::max(),
                                        .is_authenticated = true};

}  // namespace

CommandLog::CommandLog(const LineageView& view, repl::Mark from)
    : walk_(view.walk(from.offset)), reader_(kNoLimits), fed_(from.offset), db_(from.db) {}

Result<std::optional<LoggedCommand>> CommandLog::next() {
  for (;;) {
    TRY(const auto arguments, reader_.next());
    if (arguments) {
      note_select(*arguments);
      // What is pending begins with the command itself until the reader is asked again.
      const repl::Offset at{fed_.bytes() - reader_.pending_bytes()};
      return LoggedCommand{at, wall_ms_, db_, *arguments};
    }
    TRY(const auto block, walk_.next());
    if (!block) return std::nullopt;
    const auto skipped = fed_ - block->entry.offset;
    reader_.feed(block->bytes.substr(static_cast<std::size_t>(skipped)));
    fed_ = block->entry.end();
    wall_ms_ = block->entry.wall_ms;
  }
}

void CommandLog::note_select(resp::Command arguments) {
  const auto kind =
      repl::stream_command_kind(arguments.front(), static_cast<std::uint32_t>(arguments.size()));
  if (kind != repl::StreamCommandKind::kSelect) return;
  const auto db = repl::parse_db(arguments[1]);
  if (db) db_ = *db;
}

}  // namespace sluice::replog
