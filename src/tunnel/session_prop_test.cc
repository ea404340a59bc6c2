#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tunnel/session_pair_test.h"

namespace sluice::tunnel {
namespace {

// Text that compresses, and every so often some that does not.
std::string text_of(std::size_t count, std::uint64_t salt) {
  std::string text;
  while (text.size() < count) {
    salt = salt * 6364136223846793005U + 1442695040888963407U;
    if (salt >> 62 == 0) {
      for (int n = 0; n < 8; ++n) text += static_cast<char>(salt >> (8 * n));
    } else {
      text += "SET key:" + std::to_string(salt >> 54) + " value\r\n";
    }
  }
  text.resize(count);
  return text;
}

Limits any_limits() {
  Limits limits;
  limits.compression.is_enabled = *rc::gen::arbitrary<bool>();
  limits.unsent_max = {*rc::gen::inRange<std::uint64_t>(1000, 100'000)};
  limits.window_min = limits.window_max = {*rc::gen::inRange<std::uint64_t>(300'000, 600'000)};
  return limits;
}

void disturb(SessionPair& pair, int what) {
  const auto numbers = pair.numbers();
  if (what == 0 && numbers.size() < 6) pair.add();
  if (what == 1 && !numbers.empty()) {
    pair.kill(numbers[*rc::gen::inRange<std::size_t>(0, numbers.size())]);
  }
  if (what == 2) pair.pass(Time(*rc::gen::inRange<std::int64_t>(1, 2'000'000'000)));
}

// As whoever moves the bytes must: closes what either end wants closed, and dials where nothing is left.
void obey(SessionPair& pair) {
  for (const auto* const end : {&pair.dialer, &pair.acceptor}) {
    for (const auto number : end->stripes_to_close()) pair.kill(number);
  }
  if (pair.numbers().empty()) pair.add();
}

RC_GTEST_PROP(Session, BytesComeOutInOrderWhateverBecomesOfStripes, ()) {
  const auto limits = any_limits();
  const auto sent =
      text_of(*rc::gen::inRange<std::size_t>(1, 300'000), *rc::gen::arbitrary<std::uint64_t>());
  SessionPair pair(limits);
  std::string left = sent;
  std::string got;
  const auto steps = *rc::gen::inRange(10, 200);
  for (int step = 0; step < steps; ++step) {
    const auto count = *rc::gen::inRange<std::size_t>(1, 70'000);
    left.erase(0, pair.dialer.write(std::string_view(left).substr(0, count), pair.now));
    for (const auto number : pair.numbers()) {
      if (*rc::gen::inRange(0, 2) == 0) continue;
      pair.send(number);
      const auto delivered = pair.deliver(number, *rc::gen::inRange<std::size_t>(0, 100'000));
      RC_ASSERT(delivered.has_value());
    }
    got += SessionPair::drain(pair.acceptor, pair.now);
    disturb(pair, *rc::gen::inRange(0, 20));
    pair.pass(3ms);
    RC_ASSERT(pair.acceptor.stats().held_to_read <= limits.window_max.bytes);
    RC_ASSERT(pair.dialer.stats().held_to_send <=
              limits.window_max.bytes + limits.unsent_max.bytes + kPayloadBytesMax);
  }
  for (int round = 0; round < 2000 && got.size() < sent.size(); ++round) {
    obey(pair);
    left.erase(0, pair.dialer.write(left, pair.now));
    if (left.empty()) pair.dialer.finish(pair.now);
    pair.settle(1, 10ms);
    got += SessionPair::drain(pair.acceptor, pair.now);
    RC_ASSERT(!pair.dialer.failure());
  }
  RC_ASSERT(got == sent);
  pair.dialer.finish(pair.now);
  for (int round = 0; round < 50; ++round) {
    obey(pair);
    pair.settle(1, 10ms);
  }
  RC_ASSERT(pair.acceptor.has_ended());
  RC_ASSERT(pair.dialer.is_delivered());
}

// Two stripes, a cut of the bytes at every place of the first.
TEST(Session, TakesItsBytesHoweverAConnectionSplitsThem) {
  Limits limits;
  SessionPair pair(limits);
  const std::string sent = text_of(400, 1);
  pair.dialer.write(sent, pair.now);
  pair.dialer.finish(pair.now);
  std::string wire;
  while (const auto frame = pair.dialer.next(0, pair.now)) wire += *frame;
  for (std::size_t cut = 1; cut < wire.size(); ++cut) {
    Session far(Side::kAcceptor, limits, Time{0});
    far.add_stripe(0, Time{0});
    ASSERT_TRUE(far.receive(0, std::string_view(wire).substr(0, cut), Time{0}));
    ASSERT_TRUE(far.receive(0, std::string_view(wire).substr(cut), Time{0}));
    ASSERT_EQ(SessionPair::drain(far, Time{0}), sent);
    ASSERT_TRUE(far.has_ended());
  }
}

}  // namespace
}  // namespace sluice::tunnel
