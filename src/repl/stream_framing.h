// Finds commands and arguments in a replication stream, one byte at a time where it must be.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace sluice::repl {

// A master sends commands as arrays of bulk strings and, at most, bare newlines between them; a
// replica drops a master that sends anything else (Redis: processInlineBuffer,
// processMultibulkBuffer). Numbers are as string2ll takes them: digits without leading zeros.
//
//   start --'*'--> count --> argument --'$'--> length --> body --> CR LF --> argument | start
//
// A value: O(1) in size whatever the stream, free to copy.
class StreamFraming {
 public:
  static constexpr std::uint32_t kArgumentsMax = 0x7fffffff;
  static constexpr std::uint64_t kArgumentBytesMax = 1ULL << 48;

  enum class Event : std::uint8_t {
    kNone,      // the bytes ran out
    kBlank,     // a bare newline
    kCommand,   // arguments() is known
    kArgument,  // argument_bytes() is known
    kBody,      // `body` holds a piece of the argument
    kArgumentEnd
  };
  struct Step {
    Event event = Event::kNone;
    std::string_view body;
  };

  // Takes from the front of `bytes` up to the next event. On kProtocol `bytes` starts at the
  // offending byte and the framing is of no more use.
  Result<Step> next(std::string_view& bytes);

  std::uint32_t arguments() const { return arguments_; }
  std::uint32_t arguments_left() const { return arguments_left_; }  // the present one included
  std::uint64_t argument_bytes() const { return argument_bytes_; }

  bool between_commands() const { return phase_ == Phase::kStart; }
  bool between_arguments() const { return phase_ == Phase::kStart || phase_ == Phase::kArgument; }
  // For one who has framed some arguments by himself: before an argument, `left` of `arguments`
  // to come; none left is between commands.
  void resume(std::uint32_t arguments, std::uint32_t left) {
    arguments_ = arguments;
    arguments_left_ = left;
    phase_ = left == 0 ? Phase::kStart : Phase::kArgument;
  }

 private:
  enum class Phase : std::uint8_t {
    kStart,
    kBlankLf,
    kCount,
    kCountLf,
    kArgument,
    kLength,
    kLengthLf,
    kBody,
    kBodyCr,
    kBodyLf
  };

  Result<Step> take_body(std::string_view& bytes);
  Result<Step> take(char byte);
  Result<Step> start(char byte);
  Result<Step> digit(char byte, std::uint64_t max);
  Result<Step> end_of_number();
  Result<Step> expect(char byte, char wanted, Phase next);
  Result<Step> end_of_argument();

  Phase phase_ = Phase::kStart;
  std::uint8_t digits_ = 0;
  std::uint32_t arguments_ = 0;
  std::uint32_t arguments_left_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t argument_bytes_ = 0;
  std::uint64_t body_left_ = 0;
};

}  // namespace sluice::repl
