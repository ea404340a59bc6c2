// The fast way through a replication stream: over whole arguments that lie in one buffer.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::repl {

// Where a leap starts and where it ends. It recognises only what is well formed, near and of no
// consequence, MULTI and EXEC included; before all else it stops, and StreamFraming decides what
// that is.
struct Leap {
  // Of the present command, and how many of them are to come; none is between commands.
  std::uint32_t arguments = 0;
  std::uint32_t arguments_left = 0;
  bool in_multi = false;

  // What was passed; counted from 0 by each leap.
  std::size_t bytes = 0;
  std::size_t boundary = 0;  // bytes up to the last point between transactions, 0 if none
  std::uint64_t commands = 0;
};

Leap leap(std::string_view bytes, Leap from);

}  // namespace sluice::repl
