// Bytes from a snapshot: what is loaded is saved alike from then on.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "crdt/region.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sluice::crdt::Region;
  Region region(1, {});
  if (!region.load({reinterpret_cast<const char*>(data), size})) return 0;
  const auto saved = region.save();
  Region again(1, {});
  CHECK(again.load(saved).has_value());
  CHECK(again.save() == saved);
  return 0;
}
