// Cuts the bytes that a Redis answers into replies, RESP2 and RESP3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "resp/reply.h"

namespace sluice::resp {

// Of one reply with all that is in it.
struct ReplyLimits {
  std::uint64_t bytes = 1ULL << 30;
  std::uint64_t elements = 1ULL << 20;
  std::size_t depth = 32;
  std::size_t line_bytes = 64U << 10;
};

// Memory follows the bytes that have come, never the lengths that they announce. RESP3 attributes
// are read and dropped; its streamed strings and aggregates, which no server sends, are refused.
class ReplyReader {
 public:
  explicit ReplyReader(ReplyLimits limits = {}) : limits_(limits) {}

  // `bytes` must live until next() has found nothing more in them.
  void feed(std::string_view bytes);

  // The next whole reply, or nothing until more is fed. Bare newlines before a reply, the signs of
  // life of a master that is busy, are passed over. kProtocol is final.
  Result<std::optional<Reply>> next();

  // What was fed after the last reply: where an RDB begins, for one.
  std::string_view rest() const { return fed_; }

 private:
  struct Open {  // an aggregate of which elements are to come
    Reply reply;
    std::uint64_t left = 0;
    bool is_attribute = false;
  };
  // Whole: a value that has all its parts.
  using Parsed = Result<std::optional<Reply>>;

  Result<bool> take_line();
  Parsed take_body();
  Parsed parse_line(std::string_view line);
  Parsed begin_text(Reply::Kind kind, std::string_view digits);
  Parsed begin_aggregate(char type, std::string_view digits);
  std::optional<Reply> deliver(Reply reply);

  ReplyLimits limits_;
  std::string_view fed_;
  std::string own_;   // holds fed_ if the caller fed more before all was read
  std::string line_;  // the begin of a line that a feed cut off
  std::vector<Open> open_;
  std::optional<Reply> body_;    // a string whose bytes are coming
  std::uint64_t body_left_ = 0;  // of its bytes with CR LF
  std::uint64_t bytes_ = 0;      // of the present reply
  std::uint64_t elements_ = 0;
};

}  // namespace sluice::resp
