#include "module/fsynced.h"

#include <gtest/gtest.h>

namespace sluice::module {
namespace {

crdt::VersionVector upto(crdt::Seq seq) {
  crdt::VersionVector vector;
  vector.advance({{1, 1}, seq});
  return vector;
}

constexpr AofFacts kIdle{.syncs_every_second = true};
constexpr AofFacts kSyncing{.syncs_every_second = true, .is_syncing = true};

TEST(Fsynced, IsAllAtOnceWhereTheServerSyncsBeforeItAnswers) {
  Fsynced aof;
  EXPECT_EQ(aof.observe(1000, {}, upto(7)), upto(7));
}

TEST(Fsynced, IsWhatWasWrittenBeforeASyncThatHasEnded) {
  Fsynced aof;
  EXPECT_EQ(aof.observe(1000, kIdle, upto(1)), std::nullopt);
  EXPECT_EQ(aof.observe(2000, kIdle, upto(2)), std::nullopt);
  EXPECT_EQ(aof.observe(1000 + Fsynced::kAtLeastMs - 1, kIdle, upto(3)), std::nullopt);
  EXPECT_EQ(aof.observe(1000 + Fsynced::kAtLeastMs, kSyncing, upto(4)), std::nullopt);
  EXPECT_EQ(aof.observe(9000, kIdle, upto(5)), upto(1));
  EXPECT_EQ(aof.observe(9000 + Fsynced::kAtLeastMs, kIdle, upto(6)), upto(5));
}

TEST(Fsynced, CountsNothingThatCameWhileASyncMayHavePutItsWriteOff) {
  Fsynced aof;
  EXPECT_EQ(aof.observe(1000, kSyncing, upto(1)), std::nullopt);
  EXPECT_EQ(aof.observe(9000, kIdle, upto(2)), std::nullopt);
}

TEST(Fsynced, BeginsAnewAfterAFailureAndWhileSyncsArePutOff) {
  for (const AofFacts facts : {AofFacts{.syncs_every_second = true, .has_failed = true},
                               AofFacts{.syncs_every_second = true, .puts_off = true}}) {
    Fsynced aof;
    EXPECT_EQ(aof.observe(1000, kIdle, upto(1)), std::nullopt);
    EXPECT_EQ(aof.observe(9000, facts, upto(2)), std::nullopt);
    EXPECT_EQ(aof.observe(9100, kIdle, upto(3)), std::nullopt);
    EXPECT_EQ(aof.observe(9100 + Fsynced::kAtLeastMs, kIdle, upto(4)), upto(3));
  }
}

TEST(Fsynced, IsNothingBeforeTheAofHasBegun) {
  for (const bool syncs_every_second : {false, true}) {
    Fsynced aof;
    const AofFacts facts{.is_begun = false, .syncs_every_second = syncs_every_second};
    EXPECT_EQ(aof.observe(1000, facts, upto(1)), std::nullopt);
    EXPECT_EQ(aof.observe(9000, facts, upto(2)), std::nullopt);
  }
}

TEST(Fsynced, SurvivesAClockThatIsSetBack) {
  Fsynced aof;
  EXPECT_EQ(aof.observe(900'000, kIdle, upto(1)), std::nullopt);
  EXPECT_EQ(aof.observe(1000, kIdle, upto(2)), std::nullopt);
  EXPECT_EQ(aof.observe(1000 + Fsynced::kAtLeastMs, kIdle, upto(3)), upto(2));
}

}  // namespace
}  // namespace sluice::module
