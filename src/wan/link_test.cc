#include "wan/link.h"

#include <gtest/gtest.h>

namespace sluice::wan {
namespace {

using namespace std::chrono_literals;

class LinkTest : public ::testing::Test {
 protected:
  Link link{7};
  Conditions conditions;

  void set(Time now = 0s) { link.set(conditions, now); }

  // Packets are told apart by their first byte.
  void send(char name, Time now, std::uint64_t bytes = 1000) { link.send({bytes, {name}}, now); }

  std::string received_by(Time now) {
    std::string names;
    while (const auto packet = link.receive(now)) names += packet->frame.front();
    return names;
  }
};

TEST_F(LinkTest, DeliversAtOnceWithoutConditions) {
  EXPECT_TRUE(link.is_clear(0s));
  send('a', 1s);
  EXPECT_EQ(received_by(1s), "a");
  EXPECT_FALSE(link.next_due());
}

TEST_F(LinkTest, HoldsAPacketForHalfOfTheRoundTrip) {
  conditions.delay = 200ms;
  set();
  EXPECT_FALSE(link.is_clear(0s));
  send('a', 1s);
  EXPECT_EQ(link.next_due(), 1100ms);
  EXPECT_EQ(received_by(1100ms - 1ns), "");
  EXPECT_EQ(received_by(1100ms), "a");
}

TEST_F(LinkTest, IsNotClearWhileAPacketIsUnderWay) {
  conditions.delay = 200ms;
  set();
  send('a', 1s);
  link.set({}, 1050ms);
  EXPECT_FALSE(link.is_clear(1050ms)) << "the next packet would overtake it";
  EXPECT_EQ(received_by(1100ms), "a");
  EXPECT_TRUE(link.is_clear(1100ms));
}

TEST_F(LinkTest, KeepsTheOrderWhenTheDelayGetsShorter) {
  conditions.delay = 200ms;
  set();
  send('a', 1s);
  conditions.delay = 20ms;
  set(1010ms);
  send('b', 1010ms);
  EXPECT_EQ(received_by(1099ms), "");
  EXPECT_EQ(received_by(1100ms), "ab");
}

TEST_F(LinkTest, TakesTheTimeOfItsRateForEachPacket) {
  conditions.rate = {8'000'000};  // 1000 bytes in a millisecond
  set();
  send('a', 10ms);
  send('b', 10ms);
  EXPECT_EQ(received_by(11ms - 1ns), "");
  EXPECT_EQ(received_by(11ms), "a");
  EXPECT_EQ(received_by(12ms - 1ns), "");
  EXPECT_EQ(received_by(12ms), "b");
  send('c', 50ms);
  EXPECT_EQ(received_by(51ms), "c") << "a link that was idle owes nothing";
}

TEST_F(LinkTest, SendsAtItsRateHoweverSeldomItIsAsked) {
  conditions.rate = {8'000'000};
  conditions.delay = 20ms;
  conditions.queue = base::ByteSize{1'000'000};
  set();
  for (char name = 'a'; name <= 'e'; ++name) send(name, 0s);
  EXPECT_EQ(received_by(13ms), "abc");
  EXPECT_EQ(received_by(1s), "de");
}

TEST_F(LinkTest, DropsWhatDoesNotFitIntoItsQueue) {
  conditions.rate = {8'000'000};
  conditions.queue = base::ByteSize{2500};
  set();
  for (const char name : {'a', 'b', 'c'}) send(name, 0s);
  EXPECT_EQ(link.counters().queue_full, 1U);
  EXPECT_EQ(link.queued_bytes(), 2000U);
  EXPECT_EQ(received_by(1s), "ab");
}

TEST_F(LinkTest, MeasuresItsQueueInTimeToo) {
  conditions.rate = {8'000'000};
  conditions.queue = QueueLimit(3ms);
  set();
  for (const char name : {'a', 'b', 'c', 'd'}) send(name, 0s);
  EXPECT_EQ(received_by(1s), "abc");
}

TEST_F(LinkTest, TakesAPacketThatIsLongerThanItsQueueWhenIdle) {
  conditions.rate = {8'000'000};
  conditions.queue = base::ByteSize{10};
  set();
  send('a', 0s);
  send('b', 0s);
  EXPECT_EQ(received_by(1s), "a");
}

TEST_F(LinkTest, SendsWhatWaitsAtANewRate) {
  conditions.rate = {8'000};
  conditions.queue = base::ByteSize{1'000'000};
  set();
  send('a', 0s);
  send('b', 0s);
  conditions.rate = {8'000'000};
  set(500ms);
  EXPECT_EQ(received_by(501ms), "a");
  EXPECT_EQ(received_by(502ms), "b");
}

TEST_F(LinkTest, SendsAtOnceWhatWaitsWhenTheLimitGoes) {
  conditions.rate = {8'000};
  set();
  send('a', 0s);
  link.set({}, 1ms);
  EXPECT_EQ(received_by(1ms), "a");
  EXPECT_EQ(link.queued_bytes(), 0U);
}

TEST_F(LinkTest, LosesEverythingInACutButWhatIsInFlight) {
  conditions.delay = 200ms;
  set();
  send('a', 0s);
  link.cut_until(2s, 10ms);
  send('b', 20ms);
  send('c', 2s - 1ns);
  send('d', 2s);
  EXPECT_EQ(received_by(10s), "ad");
  EXPECT_EQ(link.counters().cut, 2U);
}

TEST_F(LinkTest, LosesInACutWhatWaitsForTheRate) {
  conditions.rate = {8'000'000};
  set();
  for (const char name : {'a', 'b', 'c'}) send(name, 0s);
  link.cut_until(2500us, 500us);
  EXPECT_EQ(received_by(1s), "c");
}

TEST_F(LinkTest, IsNotClearInACut) {
  link.cut_until(2s, 1s);
  EXPECT_FALSE(link.is_clear(2s - 1ns));
  EXPECT_TRUE(link.is_clear(2s));
}

TEST_F(LinkTest, LetsOthersOvertakeWhatItHoldsBack) {
  conditions.delay = 20ms;
  conditions.reorder = {1};
  conditions.reorder_by = 5ms;
  set();
  send('a', 0s);
  conditions.reorder = {0};
  set();
  send('b', 1ms);
  send('c', 7ms);
  EXPECT_EQ(link.next_due(), 11ms);
  EXPECT_EQ(received_by(1s), "bac");
  EXPECT_EQ(link.counters().reordered, 1U);
}

TEST_F(LinkTest, LosesAfterTheRateWasTaken) {
  conditions.rate = {8'000'000};
  conditions.loss = {1};
  set();
  send('a', 0s);
  send('b', 0s);
  conditions.loss = {0};
  set(1500us);
  EXPECT_EQ(link.counters().lost, 1U);
  EXPECT_EQ(received_by(2ms - 1ns), "") << "what is lost has used the rate as well";
  EXPECT_EQ(received_by(2ms), "b");
}

TEST_F(LinkTest, HoldsABoundedAmountInFlight) {
  conditions.delay = 60s;
  set();
  const auto half = Link::kFlightBytesMax / 2;
  send('a', 0s, half);
  send('b', 0s, half);
  send('c', 0s, 1);
  EXPECT_EQ(link.counters().flight_full, 1U);
  EXPECT_EQ(received_by(60s), "ab");
  send('d', 60s, half);
  EXPECT_EQ(received_by(120s), "d");
}

}  // namespace
}  // namespace sluice::wan
