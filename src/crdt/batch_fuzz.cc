// Bytes from the wire: a batch that is taken is a batch that encodes to the
// same bytes.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "crdt/batch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)sluice::crdt::decode_header(bytes);
  const auto batch = sluice::crdt::decode_batch(bytes);
  if (batch) CHECK(sluice::crdt::encode(*batch) == bytes);
  return 0;
}
