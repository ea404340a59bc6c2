#include "rt/heap.h"

#include <gtest/gtest.h>
#include <memory>
#include <vector>

namespace sluice::rt {
namespace {

TEST(Heap, GivesBackWhatIsFreeBetweenBlocksThatAreNot) {
  constexpr std::size_t kBlocks = 64 * 1024;
  constexpr std::size_t kBytes = 1024;
  std::vector<std::unique_ptr<char[]>> blocks;
  blocks.reserve(kBlocks);
  for (std::size_t n = 0; n < kBlocks; ++n) blocks.push_back(std::make_unique<char[]>(kBytes));
  const auto full = heap_figures();
  if (full.in_use_bytes < kBlocks * kBytes)
    GTEST_SKIP() << "the sanitizers have a heap of their own";
  EXPECT_GE(full.resident_bytes, kBlocks * kBytes);
  for (std::size_t n = 0; n < kBlocks; ++n) {
    if (n % 64 != 0) blocks[n].reset();
  }
  EXPECT_LT(heap_figures().in_use_bytes, full.in_use_bytes / 8);
  give_back_free_heap();
  EXPECT_LT(heap_figures().resident_bytes, full.resident_bytes - kBlocks * kBytes / 2);
}

}  // namespace
}  // namespace sluice::rt
