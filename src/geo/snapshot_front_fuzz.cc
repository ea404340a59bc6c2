// The front of any snapshot, and the batches that are kept in it, in any pieces.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "geo/kept_batches.h"
#include "geo/region_state.h"
#include "geo/snapshot_front.h"

namespace {

std::string read(std::string_view snapshot, std::size_t piece) {
  sluice::geo::SnapshotFront front;
  sluice::geo::KeptBatches kept(sluice::repl::Offset{});
  for (std::size_t at = 0; at < snapshot.size() && !front.is_known(); at += piece) {
    if (const auto fed = front.feed(snapshot.substr(at, piece)); !fed) return fed.error().detail;
    kept.feed(snapshot.substr(at, piece));
  }
  std::string all = front.is_known() ? "known" : "unknown";
  if (front.is_known() && front.has_keys()) all += ", with keys";
  if (front.vector()) all += ", " + sluice::geo::to_string(*front.vector());
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view snapshot(reinterpret_cast<const char*>(data) + 1, size - 1);
  CHECK(read(snapshot, snapshot.size() + 1) == read(snapshot, 1U + data[0] % 64U));
  return 0;
}
