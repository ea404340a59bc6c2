// A peer's whole snapshot, from any keeper: in whatever pieces it comes, the same items or a refusal.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "base/overloaded.h"
#include "geo/snapshot_reader.h"

namespace sluice::geo {
namespace {

struct Seen {
  bool is_refused = false;
  std::string items;
};

std::string text_of(const SnapshotItem& item) {
  return std::visit(
      Overloaded{[](const SavedModule& saved) { return "module " + saved.state; },
                 [](const SnapshotLibrary& library) { return "library " + library.code; },
                 [](const SnapshotKey& key) {
                   return "key " + std::to_string(key.db) + " " + key.name + " until " +
                          std::to_string(key.deadline) + " " + key.value;
                 }},
      item);
}

Seen read(std::string_view snapshot, std::size_t piece) {
  SnapshotReader reader;
  Seen seen;
  for (std::size_t at = 0; at < snapshot.size(); at += piece) {
    if (!reader.feed(snapshot.substr(at, piece))) return {.is_refused = true, .items = {}};
    for (;;) {
      const auto item = reader.next();
      if (!item) return {.is_refused = true, .items = {}};
      if (!*item) break;
      seen.items += text_of(**item) + "\n";
    }
  }
  seen.is_refused = !reader.finish();
  return seen;
}

}  // namespace
}  // namespace sluice::geo

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view snapshot(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = sluice::geo::read(snapshot, snapshot.size() + 1);
  const auto parts = sluice::geo::read(snapshot, 1U + data[0] % 64U);
  CHECK(parts.is_refused == whole.is_refused && parts.items == whole.items);
  return 0;
}
