// A stream read back as commands, each with its place and time.
#pragma once

#include <cstdint>
#include <optional>

#include "replog/archive_view.h"
#include "resp/command_reader.h"

namespace sluice::replog {

struct LoggedCommand {
  repl::Offset offset;       // of its first byte: the stream up to here does not hold it
  std::int64_t wall_ms = 0;  // when the block that completed it was received
  std::uint32_t db = 0;      // it ran in, or selected
  resp::Command arguments;   // valid until the next call
};

class CommandLog {
 public:
  // `view` must outlive it.
  CommandLog(const LineageView& view, repl::Mark from);

  // Nothing at the end of the stream.
  Result<std::optional<LoggedCommand>> next();

 private:
  void note_select(resp::Command arguments);

  StreamWalk walk_;
  resp::CommandReader reader_;
  repl::Offset fed_;  // as far as the reader was given bytes
  std::int64_t wall_ms_ = 0;
  std::uint32_t db_;
};

}  // namespace sluice::replog
