#include "repl/catch_up.h"

#include <gtest/gtest.h>

namespace sluice::repl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMega = 1'000'000;

ReplId replid(char fill) {
  return *ReplId::parse(std::string(ReplId::kLength, fill));
}

CatchUpCosts costs() {
  return {.replay_bytes = 10'000 * kMega,
          .snapshot_bytes = 1'000 * kMega,
          .tail_bytes = 100 * kMega,
          .bandwidth = 20 * kMega,
          .stream_rate = 10 * kMega};
}

TEST(CatchUp, TakesTheSnapshotWhereItIsClearlyFaster) {
  const auto choice = choose_catch_up(costs(), {.times = 3, .gain = seconds(60)});
  EXPECT_EQ(choice.by, CatchUpBy::kSnapshot);
  EXPECT_DOUBLE_EQ(*choice.replay_seconds, 1000);
  EXPECT_DOUBLE_EQ(*choice.snapshot_seconds, 50 + 10 + 50);  // carried, its tail, what grew
}

TEST(CatchUp, ReplaysWhereTheSnapshotIsFasterButNotByTheMargin) {
  EXPECT_EQ(choose_catch_up(costs(), {.times = 9, .gain = seconds(60)}).by, CatchUpBy::kSnapshot);
  EXPECT_EQ(choose_catch_up(costs(), {.times = 10, .gain = seconds(60)}).by, CatchUpBy::kReplay);
  EXPECT_EQ(choose_catch_up(costs(), {.times = 3, .gain = seconds(890)}).by, CatchUpBy::kSnapshot);
  EXPECT_EQ(choose_catch_up(costs(), {.times = 3, .gain = seconds(891)}).by, CatchUpBy::kReplay);
}

TEST(CatchUp, ReplaysUntilABandwidthWasMeasured) {
  auto unmeasured = costs();
  unmeasured.bandwidth = 0;
  const auto choice = choose_catch_up(unmeasured, {});
  EXPECT_EQ(choice.by, CatchUpBy::kReplay);
  EXPECT_FALSE(choice.replay_seconds);
  EXPECT_NE(to_text(choice).find("unknown time"), std::string::npos);
}

TEST(CatchUp, NamesSizesTimesAndBandwidth) {
  EXPECT_EQ(to_text(choose_catch_up(costs(), {})),
            "snapshot: 10000000000 bytes of log in 1000.0 s, or 1000000000 bytes of snapshot and "
            "100000000 of log after it in 110.0 s, at 20000000 bytes per second, of which the "
            "stream takes 10000000");
}

class CatchUpChoice : public testing::Test {
 protected:
  CatchUpChoice() {
    peer_.id = replid('a');
    peer_.offset = Offset{1000};
    peer_.snapshot = PeerSnapshot{Offset{900}, 50};
  }
  History history_{replid('a'), {Offset{0}, Offset{100}}, {}};
  Peer peer_;
};

TEST_F(CatchUpChoice, CountsFromWhereWeEnd) {
  const auto found = catch_up_costs(history_, Offset{100}, peer_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->replay_bytes, 900U);
  EXPECT_EQ(found->snapshot_bytes, 50U);
  EXPECT_EQ(found->tail_bytes, 100U);
}

TEST_F(CatchUpChoice, IsThereAfterAFailoverOfTheUpstream) {
  peer_.id = replid('b');
  peer_.inherited = Position{replid('a'), Offset{500}};
  EXPECT_TRUE(catch_up_costs(history_, Offset{100}, peer_));
  peer_.inherited->id = replid('c');
  EXPECT_FALSE(catch_up_costs(history_, Offset{100}, peer_));
}

TEST_F(CatchUpChoice, IsNotThereWithoutASnapshotAheadOfUs) {
  EXPECT_TRUE(catch_up_costs(history_, Offset{899}, peer_));
  EXPECT_FALSE(catch_up_costs(history_, Offset{900}, peer_));
  EXPECT_FALSE(catch_up_costs(history_, Offset{1000}, peer_));
  peer_.snapshot.reset();
  EXPECT_FALSE(catch_up_costs(history_, Offset{100}, peer_));
}

TEST(ByteRate, MeasuresSpansThatAreLongEnough) {
  ByteRate rate(milliseconds(2000));
  rate.note(1'000'000, milliseconds(0));  // before the span
  rate.note(400, milliseconds(400));
  EXPECT_EQ(rate.per_second(), 0U);
  rate.note(600, milliseconds(1000));
  EXPECT_EQ(rate.per_second(), 1000U);
  rate.note(2000, milliseconds(2000));
  EXPECT_EQ(rate.per_second(), 1500U);
  rate.restart();
  rate.note(9000, milliseconds(90'000));
  EXPECT_EQ(rate.per_second(), 1500U);
}

TEST(ByteRate, ForgetsABurstOverItsMemory) {
  ByteRate rate(milliseconds(60'000));
  auto now = milliseconds(0);
  rate.note(0, now);
  const auto pass = [&](std::uint64_t bytes) { rate.note(bytes, now += milliseconds(5000)); };
  pass(5'000'000);
  EXPECT_EQ(rate.per_second(), 1'000'000U);
  pass(0);
  EXPECT_EQ(rate.per_second(), 500'000U) << "as good as the two spans that were seen";
  for (int spans = 0; spans < 10; ++spans) pass(0);
  EXPECT_LT(rate.per_second(), 90'000U);
  for (int spans = 0; spans < 120; ++spans) pass(500'000);
  pass(5'000'000);
  EXPECT_LT(rate.per_second(), 180'000U) << "five seconds of a minute";
}

TEST(CatchUp, TakesNoStreamForFasterThanTheLink) {
  const CatchUpCosts costs{.replay_bytes = 1'000'000,
                           .snapshot_bytes = 1'000'000,
                           .tail_bytes = 0,
                           .bandwidth = 1'000'000,
                           .stream_rate = 50'000'000};
  const auto choice = choose_catch_up(costs, {});
  EXPECT_NEAR(*choice.replay_seconds, 20, 0.01);
  EXPECT_NEAR(*choice.snapshot_seconds, 1 + 19, 0.01);
}

}  // namespace
}  // namespace sluice::repl
