// Cuts a client's bytes into commands, as redis-server does: arrays of bulk strings and typed lines.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sluice::resp {

// What a client may ask of our memory. Before AUTH it gets far less, as from Redis 7 on.
struct CommandLimits {
  static constexpr std::int64_t kUnauthenticatedArguments = 10;
  static constexpr std::int64_t kUnauthenticatedBulkBytes = 16384;

  std::size_t query_bytes = 1ULL << 30;    // one command with all that surrounds it
  std::size_t line_bytes = 64U << 10;      // a typed command, or the header of an argument
  std::int64_t bulk_bytes = 512LL << 20;   // one argument
  std::int64_t arguments = 1024LL * 1024;  // in one command
  bool is_authenticated = true;
};

// Never empty; the first is the name. Valid until the reader is touched again.
using Command = std::span<const std::string_view>;

// Arguments point into the bytes that were fed when a whole command lies there, else into the
// reader's buffer, where the rest of a split command is gathered: no copy or one.
//
// On kProtocol the detail is what redis-server says, to be sent as "-ERR <detail>" before the link
// is dropped (Redis: processInlineBuffer, processMultibulkBuffer in networking.c). Like Redis, we
// skip the two bytes after a header or an argument without looking whether they are CR LF.
class CommandReader {
 public:
  explicit CommandReader(CommandLimits limits = {}) : limits_(limits) {}

  // `bytes` must live until next() has found nothing more in them.
  void feed(std::string_view bytes);

  // The next whole command, or nothing until more is fed. Empty commands are passed over. A
  // failure stays.
  Result<std::optional<Command>> next();

  // In force from the next command on.
  void set_limits(CommandLimits limits) { limits_ = limits; }

  // Of a command that is not whole yet: what this connection holds in memory.
  std::size_t pending_bytes() const { return source().size() - start_; }

 private:
  enum class Parsed : std::uint8_t { kNeedsBytes, kEmpty, kWhole };
  struct Part {
    std::size_t begin;  // counted from start_
    std::size_t length;
  };

  std::string_view source() const { return own_.empty() ? fed_ : std::string_view(own_); }
  Result<Parsed> parse();
  Result<Parsed> parse_line();
  Result<Parsed> parse_multibulk();
  Result<Parsed> parse_count();
  Result<Parsed> parse_argument();
  Result<std::optional<std::int64_t>> header(std::string_view too_big, std::string_view invalid);
  Command whole();
  void skip_command();
  Result<> keep_the_rest();

  CommandLimits limits_;
  std::string_view fed_;  // where we read unless own_ holds anything
  std::string own_;
  std::size_t start_ = 0;  // of the present command in source()
  std::size_t at_ = 0;     // as far as it has been parsed

  std::int64_t arguments_left_ = 0;  // 0: between commands
  std::optional<std::size_t> bulk_bytes_;
  std::vector<Part> parts_;
  std::vector<std::string> line_;
  std::vector<std::string_view> arguments_;
  std::optional<Error> failed_;
};

}  // namespace sluice::resp
