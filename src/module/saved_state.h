// What the module keeps in an RDB besides the data: the region's state, batches that others may not have yet,
// and where links stand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "module/node.h"

namespace sluice::module {

// Links read the batches, too (src/geo/kept_batches.cc). Bytes: version 3; then three counted lists of length-prefixed strings (little-endian 64-bit lengths):
// [region], batches, and source, replid, offset in turn. Then 8 bytes: 1 if there are data from before the module of
// which others have not been told (none: 0), and 8: how many of the batches, the last ones, no stream had then. Version 2
// ends before those.
struct SavedState {
  std::string region;
  std::vector<std::string> batches;
  std::map<std::string, Position, std::less<>> positions;
  bool has_plain_data = false;
  std::uint64_t unsent = 0;
};

std::string encode(const SavedState& state);
Result<SavedState> decode_saved_state(std::string_view bytes);

}  // namespace sluice::module
