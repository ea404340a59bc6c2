// A client's bytes, fed whole and in pieces: the same commands and the same refusal.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "resp/command_reader.h"

namespace sluice::resp {
namespace {

using Words = std::vector<std::string>;

bool drain(CommandReader& reader, std::vector<Words>& seen) {
  while (true) {
    const auto command = reader.next();
    if (!command) {
      seen.push_back({command.error().detail});
      return false;
    }
    if (!*command) return true;
    CHECK(!(*command)->empty());
    seen.emplace_back((*command)->begin(), (*command)->end());
  }
}

std::vector<Words> read(std::string_view wire, std::size_t step) {
  CommandReader reader({.query_bytes = 1U << 20, .bulk_bytes = 1 << 16, .arguments = 100});
  std::vector<Words> seen;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    const std::string piece(wire.substr(at, step));
    reader.feed(piece);
    if (!drain(reader, seen)) break;
  }
  return seen;
}

}  // namespace
}  // namespace sluice::resp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view wire{reinterpret_cast<const char*>(bytes), count};
  const auto whole = sluice::resp::read(wire, count + 1);
  CHECK(sluice::resp::read(wire, 1) == whole);
  CHECK(sluice::resp::read(wire, 7) == whole);
  return 0;
}
