// Bytes from an RDB, and words of a configuration: what is taken is written alike.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "module/saved_state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto state = sluice::module::decode_saved_state(bytes)) {
    const auto encoded = sluice::module::encode(*state);
    const auto again = sluice::module::decode_saved_state(encoded);
    CHECK(again.has_value());
    CHECK(sluice::module::encode(*again) == encoded);
  }
  std::vector<std::string_view> words;
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto end = std::min(rest.find(' '), rest.size());
    words.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (const auto config = sluice::module::parse_config(words)) {
    CHECK(config->id >= 1 && config->id <= sluice::crdt::kRegionIdMax);
    CHECK(!config->region.empty());
  }
  return 0;
}
