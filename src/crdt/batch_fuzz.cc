// Bytes from the wire: a batch that is taken is a batch that encodes to the same bytes; one of an older version to
// bytes that are the same batch.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "crdt/batch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)sluice::crdt::decode_header(bytes);
  const auto batch = sluice::crdt::decode_batch(bytes);
  if (!batch) return 0;
  const auto now = sluice::crdt::encode(*batch);
  const bool is_of_this_version = now.front() == bytes.front();
  CHECK(!is_of_this_version || now == bytes);
  const auto again = sluice::crdt::decode_batch(now);
  CHECK(again && sluice::crdt::encode(*again) == now);
  return 0;
}
