#include "delay/probe_book.h"

#include <gtest/gtest.h>

namespace sluice::delay {
namespace {

using namespace std::chrono_literals;

constexpr rt::Duration kNoWay = 0ms;

rt::Instant at(rt::Duration since_start) {
  return {since_start};
}

TEST(ProbeBook, KnowsNothingBeforeTheFirstProbe) {
  const ProbeBook book(2);
  EXPECT_EQ(book.age(0, at(5s)), std::nullopt);
  EXPECT_EQ(book.outstanding(1), 0U);
}

TEST(ProbeBook, MeasuresFromTheMasterToTheNodeByOneClock) {
  ProbeBook book(1);
  // Written at 1 s, 10 ms to the master; heard at 1.2 s, of which 30 ms were the way back.
  EXPECT_EQ(book.send(at(1s), 10ms), 1U);
  const auto arrival = book.arrive(0, 1, at(1200ms), 30ms);
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->delay, 160ms);
  EXPECT_EQ(book.delays(0).last, 160ms);
  EXPECT_EQ(book.age(0, at(10s)), 160ms);
}

TEST(ProbeBook, SharesTheDelayOutAmongTheNodes) {
  ProbeBook book(3);
  book.send(at(0s), kNoWay);
  EXPECT_EQ(book.arrive(0, 1, at(5ms), kNoWay)->hop, 5ms);
  EXPECT_EQ(book.arrive(1, 1, at(105ms), kNoWay)->hop, 100ms);
  EXPECT_EQ(book.arrive(2, 1, at(106ms), kNoWay)->hop, 1ms);
}

TEST(ProbeBook, GivesNoShareIfTheNodeBeforeHasNotShownTheProbe) {
  ProbeBook book(2);
  book.send(at(0s), kNoWay);
  const auto arrival = book.arrive(1, 1, at(100ms), kNoWay);
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->hop, std::nullopt);
  EXPECT_EQ(book.delays(1).hop.count(), 0U);
}

TEST(ProbeBook, NeverSaysThatAProbeCameBeforeItWasPublished) {
  ProbeBook book(2);
  book.send(at(0s), 10ms);
  EXPECT_EQ(book.arrive(0, 1, at(12ms), 4ms)->delay, 0ms);
  EXPECT_EQ(book.arrive(1, 1, at(11ms), kNoWay)->hop, 1ms);
}

TEST(ProbeBook, AgesWhileAProbeIsOutstanding) {
  ProbeBook book(1);
  book.send(at(0s), kNoWay);
  book.arrive(0, 1, at(150ms), kNoWay);
  book.send(at(1s), kNoWay);
  book.send(at(2s), kNoWay);
  EXPECT_EQ(book.age(0, at(1050ms)), 150ms) << "it may still come in its usual time";
  EXPECT_EQ(book.age(0, at(4s)), 3s) << "the oldest counts";
  book.arrive(0, 2, at(4s), kNoWay);
  EXPECT_EQ(book.age(0, at(4s)), 3s);
  book.arrive(0, 3, at(4s), kNoWay);
  EXPECT_EQ(book.age(0, at(4s)), 2s);
  EXPECT_EQ(book.outstanding(0), 0U);
}

TEST(ProbeBook, CountsProbesThatALaterOneOvertook) {
  ProbeBook book(1);
  for (int i = 0; i < 4; ++i) book.send(at(i * 1s), kNoWay);
  book.arrive(0, 3, at(3s), kNoWay);
  EXPECT_EQ(book.delays(0).missed, 2U);
  EXPECT_EQ(book.delays(0).shown, 1U);
  EXPECT_EQ(book.outstanding(0), 1U);
  EXPECT_EQ(book.arrive(0, 2, at(4s), kNoWay), std::nullopt) << "too late";
}

TEST(ProbeBook, TakesNoProbeTwiceAndNoneThatItDidNotSend) {
  ProbeBook book(1);
  book.send(at(0s), kNoWay);
  EXPECT_TRUE(book.arrive(0, 1, at(1s), kNoWay));
  EXPECT_FALSE(book.arrive(0, 1, at(1s), kNoWay));
  EXPECT_FALSE(book.arrive(0, 2, at(1s), kNoWay));
  EXPECT_FALSE(book.arrive(0, 0, at(1s), kNoWay));
  EXPECT_EQ(book.delays(0).all.count(), 1U);
}

TEST(ProbeBook, ForgetsWhatEveryNodeHasShown) {
  ProbeBook book(2);
  book.send(at(0s), kNoWay);
  book.send(at(1s), kNoWay);
  book.arrive(0, 2, at(1s), kNoWay);
  EXPECT_EQ(book.kept(), 2U);
  book.arrive(1, 1, at(1s), kNoWay);
  EXPECT_EQ(book.kept(), 1U);
  book.arrive(1, 2, at(1s), kNoWay);
  EXPECT_EQ(book.kept(), 0U);
}

TEST(ProbeBook, KeepsABoundedNumberAndStillKnowsHowOldANodeIs) {
  ProbeBook book(2);
  constexpr auto kSent = 2 * ProbeBook::kProbesKept;
  for (std::size_t i = 0; i < kSent; ++i) {
    const auto number = book.send(at(static_cast<int>(i) * 1s), kNoWay);
    book.arrive(0, number, at(static_cast<int>(i) * 1s), kNoWay);
  }
  EXPECT_EQ(book.kept(), ProbeBook::kProbesKept);
  const auto now = at(static_cast<int>(kSent) * 1s);
  EXPECT_EQ(book.age(1, now), static_cast<int>(kSent) * 1s);
  EXPECT_FALSE(book.arrive(1, 1, now, kNoWay)) << "forgotten";
  EXPECT_EQ(book.delays(1).missed, 1U);
  EXPECT_EQ(book.age(1, now), static_cast<int>(ProbeBook::kProbesKept) * 1s)
      << "at least as old as the oldest that is remembered";
}

}  // namespace
}  // namespace sluice::delay
