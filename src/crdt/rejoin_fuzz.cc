// A peer's saved state and what follows it in its stream: a region that takes them over can save that, and load it again.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "crdt/no_keyspace_test.h"
#include "crdt/region.h"

namespace sluice::crdt {
namespace {

void merge(std::string_view saved, std::string_view batch) {
  constexpr RegionId kSelf = 16;
  constexpr std::uint64_t kNowMs = 1'000'000;
  NoKeyspace keyspace;
  Region region(kSelf, {});
  region.begin_incarnation(1);
  region.note({{0, "ours"}, WriteString{"7"}, true}, keyspace, kNowMs);
  (void)region.flush(kNowMs);
  if (!region.begin_merge(saved, {.keeps_plain = true, .is_unchecked = true})) return;
  (void)region.merge_key({0, "theirs"}, [] {}, keyspace, kNowMs);
  (void)region.merge_stream(batch).has_value();
  Region half(kSelf, {});
  CHECK(half.load(region.save()).has_value());
  CHECK(half.save() == region.save());
  region.begin_sweep();
  (void)region.merge_key({0, "ours"}, [] {}, keyspace, kNowMs);
  (void)region.finish_merge(2);
  region.tell_all();
  while (region.flush(kNowMs)) {
  }
  Region again(kSelf, {});
  CHECK(again.load(region.save()).has_value());
}

}  // namespace
}  // namespace sluice::crdt

// The length of the saved state in two bytes, that state, a batch.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLengthBytes = 2;
  if (size < kLengthBytes) return 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view bytes(reinterpret_cast<const char*>(data) + kLengthBytes,
                               size - kLengthBytes);
  const std::size_t length = std::size_t{data[0]} * 256 + data[1];
  const auto saved = bytes.substr(0, length);
  sluice::crdt::merge(saved, bytes.substr(saved.size()));
  return 0;
}
