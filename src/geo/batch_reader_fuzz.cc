// A peer's replication stream in any pieces: the same batches as in one, or the same refusal.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "geo/batch_reader.h"

namespace {

using sluice::geo::BatchReader;

// What was found, as text, and how it ended.
std::string read(std::string_view stream, std::size_t piece) {
  BatchReader reader{sluice::repl::Offset{1000}};
  std::string all;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    reader.feed(stream.substr(at, piece));
    for (;;) {
      auto found = reader.next();
      if (!found) return all + "refused: " + found.error().detail;
      if (!*found) break;
      if (const auto* batch = std::get_if<sluice::geo::StreamBatch>(&**found)) {
        all += batch->is_foreign ? "foreign " : "own ";
        all += batch->bytes + " at " + std::to_string(batch->begin.bytes()) + "-" +
               std::to_string(batch->end.bytes()) + "\n";
      } else {
        all += "getack\n";
      }
    }
  }
  return all + "up to " + std::to_string(reader.boundary().bytes());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  CHECK(read(stream, stream.size() + 1) == read(stream, 1U + data[0] % 32U));
  return 0;
}
