// Cuts the RDB out of the bytes that follow +FULLRESYNC, in either of Redis's framings.
//
//   "\n"*  "$" length CRLF  <length bytes>            an RDB file on the master's disk
//   "\n"*  "$EOF:" mark(40) CRLF  <bytes>  mark       diskless: the length is not known before
//   "\n"*  "$" length " of " total " as " name CRLF  <length bytes>
//                                                     a keeper to a keeper: the rest of a snapshot
//
// The newlines keep the connection alive while the master forks (Redis: replicationCron).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::repl {

// The name of a snapshot: printable, without a space. Longer ones are refused.
inline constexpr std::size_t kSnapshotNameBytesMax = 200;
bool is_snapshot_name(std::string_view name);

// The header of the third framing. `rest` bytes of `total` follow it.
std::string named_payload_header(std::uint64_t rest, std::uint64_t total, std::string_view name);

class PayloadReader {
 public:
  static constexpr std::size_t kMarkLength = 40;

  // What one call took from the front of the bytes it was given.
  struct Taken {
    std::size_t consumed = 0;  // drop so many bytes from the input
    std::string_view
        rdb{};  // RDB bytes to store; points into the input or, until the next call, into this reader
    bool is_complete = false;  // the RDB has ended; what is left of the input is the stream
  };

  // Takes what it can. With nothing consumed it needs more bytes. kProtocol if it is no payload;
  // a master that fails to fork answers an error line here, which the detail quotes.
  Result<Taken> take(std::string_view bytes);

  // Of the whole RDB, once known and if known.
  std::optional<std::uint64_t> length() const { return total_; }
  // How much of it precedes the bytes that come here: not 0 only if we asked for the rest.
  std::uint64_t skipped() const { return total_.value_or(0) - length_.value_or(0); }
  // By which a keeper can be asked for the rest; empty of a Redis.
  const std::string& name() const { return name_; }
  bool has_begun() const { return has_begun_; }

 private:
  Result<Taken> take_header(std::string_view bytes);
  bool take_sizes(std::string_view line);
  Taken take_sized(std::string_view bytes);
  Taken take_marked(std::string_view bytes);

  bool has_begun_ = false;
  std::optional<std::uint64_t> length_;  // of what comes here
  std::optional<std::uint64_t> total_;
  std::string name_;
  std::uint64_t left_ = 0;
  std::string mark_;
  std::string held_;    // bytes that may be the beginning of the mark
  std::string joined_;  // backs Taken::rdb when it spans two calls
};

}  // namespace sluice::repl
