// Cuts the RDB out of the bytes that follow +FULLRESYNC, in either of Redis's framings.
//
//   "\n"*  "$" length CRLF  <length bytes>            an RDB file on the master's disk
//   "\n"*  "$EOF:" mark(40) CRLF  <bytes>  mark       diskless: the length is not known before
//
// The newlines keep the connection alive while the master forks (Redis: replicationCron).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::repl {

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

  // Total length, once known and if known.
  std::optional<std::uint64_t> length() const { return length_; }
  bool has_begun() const { return has_begun_; }

 private:
  Result<Taken> take_header(std::string_view bytes);
  Taken take_sized(std::string_view bytes);
  Taken take_marked(std::string_view bytes);

  bool has_begun_ = false;
  std::optional<std::uint64_t> length_;
  std::uint64_t left_ = 0;
  std::string mark_;
  std::string held_;    // bytes that may be the beginning of the mark
  std::string joined_;  // backs Taken::rdb when it spans two calls
};

}  // namespace sluice::repl
