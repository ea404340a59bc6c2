// Follows a replication stream byte by byte, to know where a reader may cut it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "repl/position.h"
#include "repl/stream_framing.h"

namespace sluice::repl {

// A point between two transactions, and the database that is selected there. Replication may be
// resumed here and nowhere else: a replica drops a half-received command or MULTI on reconnect
// (Redis: replicationCacheMasterClient), so its offset is always one of these.
struct Mark {
  Offset offset;
  std::uint32_t db = 0;
  friend bool operator==(const Mark&, const Mark&) = default;
};

// The commands that change where a stream may be cut.
enum class StreamCommandKind : std::uint8_t { kOther, kMulti, kExec, kDiscard, kSelect };

// By its name, in any case, and its number of arguments (the name included): with a wrong number
// Redis refuses the command and nothing changes.
StreamCommandKind stream_command_kind(std::string_view name, std::uint32_t arguments);

// The database of a SELECT. kProtocol if it is none.
Result<std::uint32_t> parse_db(std::string_view text);

// A value of about 100 bytes, whatever the stream: values are skipped by their length, never held.
class StreamScanner {
 public:
  explicit StreamScanner(Mark from) : boundary_(from), end_(from.offset), db_(from.db) {}

  // Any piece of the stream, in order. kProtocol names the offset of the first byte that a master
  // does not send; the scanner then stands where it stood before the call.
  Result<> feed(std::string_view bytes);

  Offset end() const { return end_; }
  // The last point between two transactions at or before end(); MULTI to EXEC is one.
  Mark boundary() const { return boundary_; }
  std::uint64_t commands() const { return commands_; }

 private:
  Result<> feed_slowly(std::string_view& bytes);
  void feed_fast(std::string_view& bytes);
  bool may_go_fast() const;
  void keep(std::string_view piece);
  Result<> argument_ended();
  void command_ended();

  Mark boundary_;
  Offset end_;
  std::uint64_t commands_ = 0;

  StreamFraming framing_;
  StreamCommandKind kind_ = StreamCommandKind::kOther;
  bool in_multi_ = false;
  std::uint8_t kept_bytes_ = 0;
  std::uint32_t db_ = 0;
  std::uint32_t db_before_multi_ = 0;
  std::array<char, 12> kept_{};  // the present argument, if it is among the first two and short
};

}  // namespace sluice::repl
