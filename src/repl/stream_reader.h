// Reads a replication stream command by command, for people and for those who replay it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "repl/position.h"
#include "repl/stream_framing.h"
#include "repl/stream_scanner.h"

namespace sluice::repl {

// One command as it stands in a stream. Memory is bounded by StreamReader's limits: what exceeds
// them is cut, and the true sizes tell.
struct StreamCommand {
  struct Argument {
    std::string text;         // its first bytes
    std::uint64_t bytes = 0;  // its length
    bool is_cut() const { return text.size() < bytes; }
    friend bool operator==(const Argument&, const Argument&) = default;
  };

  Offset begin;
  Offset end;
  std::uint32_t db = 0;         // it applies to; after it, for a SELECT
  bool in_transaction = false;  // MULTI and EXEC included
  std::uint32_t arguments_count = 0;
  std::vector<Argument> arguments;  // the first ones

  friend bool operator==(const StreamCommand&, const StreamCommand&) = default;
};

class StreamReader {
 public:
  struct Limits {
    std::size_t argument_bytes = 1U << 20;
    std::size_t arguments = 1U << 16;
    std::size_t command_bytes = 16U << 20;  // of all its arguments
  };

  explicit StreamReader(Mark from) : StreamReader(from, Limits{}) {}
  StreamReader(Mark from, Limits limits);

  // `bytes` must live until next() has found nothing more in them.
  void feed(std::string_view bytes) { fed_ = bytes; }

  // The next whole command, or nothing until more is fed. kProtocol names the offset of the first
  // byte that a master does not send, and is final.
  Result<std::optional<StreamCommand>> next();

 private:
  void keep(std::string_view piece);
  Result<> argument_ended();
  StreamCommand command_ended();
  tl::unexpected<Error> refuse(const std::string& what) const;

  Limits limits_;
  std::string_view fed_;
  StreamFraming framing_;
  StreamCommandKind kind_ = StreamCommandKind::kOther;
  Offset at_;
  std::uint32_t db_;
  std::uint32_t db_before_multi_ = 0;
  bool in_multi_ = false;
  std::size_t kept_bytes_ = 0;  // of the present command
  StreamCommand command_;
};

}  // namespace sluice::repl
