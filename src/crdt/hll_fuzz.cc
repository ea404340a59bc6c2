// Any string of a client may claim to be a HyperLogLog.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "crdt/hll.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto registers = sluice::crdt::hll_registers({reinterpret_cast<const char*>(data), size});
  if (!registers) return 0;
  CHECK(registers->size() == 16384);
  for (const char one : *registers) CHECK(one >= 0 && one < 64);
  return 0;
}
