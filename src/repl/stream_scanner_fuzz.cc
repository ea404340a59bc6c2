// A master's bytes: the scanner says the same whole, in pieces and byte by byte, and agrees with the
// reader that takes them command by command.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "repl/stream_reader.h"
#include "repl/stream_scanner.h"

namespace sluice::repl {
namespace {

constexpr Mark kFrom{Offset{1000}, 3};

struct Seen {
  Offset end;
  Mark boundary;
  std::uint64_t commands = 0;
  std::string error;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// A piece that is refused is fed again byte by byte, so that what came before the bad byte counts.
Seen scan(std::string_view wire, std::size_t step) {
  StreamScanner scanner(kFrom);
  std::string error;
  for (std::size_t at = 0; at < wire.size() && error.empty(); at += step) {
    const std::string piece(wire.substr(at, step));
    if (scanner.feed(piece)) continue;
    for (std::size_t i = 0; i < piece.size() && error.empty(); ++i) {
      const auto fed = scanner.feed(std::string_view(piece).substr(i, 1));
      if (!fed) error = fed.error().detail;
    }
    CHECK(!error.empty());
  }
  return {scanner.end(), scanner.boundary(), scanner.commands(), error};
}

void compare_with_reader(std::string_view wire, const Seen& seen) {
  StreamReader reader(kFrom, {.argument_bytes = 100, .arguments = 4, .command_bytes = 1000});
  reader.feed(wire);
  std::uint64_t commands = 0;
  Offset end = kFrom.offset;
  while (true) {
    const auto command = reader.next();
    CHECK(command || command.error().detail == seen.error);
    if (!command || !*command) break;
    ++commands;
    CHECK((*command)->begin >= end);
    end = (*command)->end;
  }
  CHECK(commands == seen.commands);
}

}  // namespace
}  // namespace sluice::repl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view wire{reinterpret_cast<const char*>(bytes), count};
  const auto seen = sluice::repl::scan(wire, 1);
  CHECK(sluice::repl::scan(wire, count + 1) == seen);
  CHECK(sluice::repl::scan(wire, 61) == seen);
  CHECK(seen.boundary.offset <= seen.end);
  sluice::repl::compare_with_reader(wire, seen);
  return 0;
}
