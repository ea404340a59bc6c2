#include "repl/backoff.h"

#include <gtest/gtest.h>

namespace sluice::repl {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesPerFailureUpToAShareOfThirteenSeconds) {
  EXPECT_EQ(backoff(0, 50), milliseconds(100));
  EXPECT_EQ(backoff(3, 400), milliseconds(800));
  EXPECT_EQ(backoff(7, 6400), milliseconds(12800));
  EXPECT_EQ(backoff(1000, 6400), milliseconds(12800));
}

TEST(Backoff, IsAtLeastHalfOfItsLongest) {
  for (std::uint64_t random = 0; random < 1000; random += 7) {
    EXPECT_GE(backoff(2, random), milliseconds(200));
    EXPECT_LE(backoff(2, random), milliseconds(400));
  }
}

}  // namespace
}  // namespace sluice::repl
