#include "tunnel/session.h"

#include <gtest/gtest.h>

#include "tunnel/session_pair_test.h"

namespace sluice::tunnel {
namespace {

std::string frame(FrameType type, std::uint64_t number, std::string_view payload,
                  std::uint8_t flags = 0, std::uint16_t extra = 0) {
  std::string wire;
  append(wire, Header{.type = type,
                      .flags = flags,
                      .extra = extra,
                      .length = static_cast<std::uint32_t>(payload.size()),
                      .number = number});
  return wire.append(payload);
}

std::string ack(std::uint64_t offset, std::uint64_t limit, std::uint64_t stripe_bytes) {
  std::string payload;
  append_u64(payload, limit);
  append_u64(payload, stripe_bytes);
  return frame(FrameType::kAck, offset, payload);
}

class HostilePeer : public ::testing::Test {
 protected:
  Limits limits;
  Session session{Side::kAcceptor, limits, Time{0}};

  void SetUp() override { session.add_stripe(0, Time{0}); }
  std::string refusal(const std::string& wire) {
    const auto taken = session.receive(0, wire, Time{0});
    if (taken) return "";
    EXPECT_EQ(taken.error().code, Errc::kProtocol);
    return taken.error().detail;
  }
};

TEST_F(HostilePeer, IsRefusedByTheHeaderOfAFrameThatCannotBe) {
  for (const auto& wire :
       {frame(static_cast<FrameType>(0), 0, ""), frame(FrameType::kData, 0, ""),
        frame(static_cast<FrameType>(7), 0, "x"), frame(FrameType::kPong, 0, "x"),
        frame(FrameType::kAck, 0, "1234567"), frame(FrameType::kPing, 0, "1234567")}) {
    Session other(Side::kAcceptor, limits, Time{0});
    other.add_stripe(0, Time{0});
    EXPECT_FALSE(other.receive(0, wire, Time{0}));
  }
  std::string large;
  append(large, Header{.type = FrameType::kData,
                       .flags = 0,
                       .extra = 0,
                       .length = kPayloadBytesMax + 1,
                       .number = 0});
  EXPECT_NE(refusal(large), "") << "before anything of that length is allocated";
}

TEST_F(HostilePeer, SendsNoMoreThanItWasGranted) {
  const std::string block(kBlockBytesMax, 'x');
  for (std::uint64_t at = 0; at < kFirstWindowBytes; at += block.size()) {
    EXPECT_EQ(refusal(frame(FrameType::kData, at, block)), "");
  }
  EXPECT_NE(refusal(frame(FrameType::kData, kFirstWindowBytes, "x")), "");
}

TEST_F(HostilePeer, SendsNothingFarAheadEither) {
  EXPECT_EQ(refusal(frame(FrameType::kData, kFirstWindowBytes - 1, "x")), "");
  EXPECT_NE(refusal(frame(FrameType::kData, kFirstWindowBytes - 1, "xy")), "");
}

TEST_F(HostilePeer, DoesNotWrapOffsetsAround) {
  EXPECT_NE(refusal(frame(FrameType::kData, ~std::uint64_t{0} - 1, "xyz")), "");
}

TEST_F(HostilePeer, DoesNotHoldMemoryByManySmallFrames) {
  std::string detail;
  for (std::uint64_t n = 0; n < Inbound::kFramesHeldMax + 2 && detail.empty(); ++n) {
    detail = refusal(frame(FrameType::kData, 1 + 2 * n, "x"));
  }
  EXPECT_EQ(detail, "the peer sends too many small frames");
}

TEST_F(HostilePeer, MayNotOverlapFrames) {
  EXPECT_EQ(refusal(frame(FrameType::kData, 0, "abcd")), "");
  EXPECT_EQ(refusal(frame(FrameType::kData, 0, "abcd")), "") << "the same again is no harm";
  EXPECT_NE(refusal(frame(FrameType::kData, 2, "cdef")), "");
}

TEST_F(HostilePeer, MayNotSendBehindTheEnd) {
  EXPECT_EQ(refusal(frame(FrameType::kData, 0, "a", kLast)), "");
  EXPECT_TRUE(session.has_ended());
  EXPECT_NE(refusal(frame(FrameType::kData, 1, "b")), "");
}

TEST_F(HostilePeer, MayNotAcknowledgeWhatWasNotSent) {
  EXPECT_NE(refusal(ack(1, 1 << 20, 0)), "");
}

TEST_F(HostilePeer, MayNotAcknowledgeMoreOfAStripeThanItCarried) {
  EXPECT_NE(refusal(ack(0, 1 << 20, 1)), "");
}

TEST_F(HostilePeer, CannotMakeUsHoldMoreByGrantingEverything) {
  limits.window_max = limits.window_min = 1_MiB;
  EXPECT_EQ(refusal(ack(0, ~std::uint64_t{0}, 0)), "");
  const std::string block(kBlockBytesMax, 'x');
  for (int n = 0; n < 100; ++n) {
    session.write(block, Time{0});
    while (session.next(0, Time{0})) {
    }
  }
  EXPECT_LE(session.stats().held_to_send, (1 << 20) + limits.unsent_max.bytes + kBlockBytesMax);
}

TEST_F(HostilePeer, FailsTheTunnelByBlocksThatDecodeToSomethingElse) {
  for (const auto& wire : {frame(FrameType::kData, 0, "not zstd", kZstd | kFresh, 100),
                           frame(FrameType::kData, 0, "continues nothing", kZstd, 100)}) {
    Session other(Side::kAcceptor, limits, Time{0});
    other.add_stripe(0, Time{0});
    ASSERT_TRUE(other.receive(0, wire, Time{0}));
    std::array<char, 100> bytes{};
    EXPECT_FALSE(other.read(bytes, Time{0}));
    EXPECT_EQ(other.failure()->code, Errc::kProtocol);
  }
}

TEST(Session, AnswersARouteOnceAndTheErrorNamesTheHop) {
  Limits limits;
  Session dialer(Side::kDialer, limits, Time{0});
  Session acceptor(Side::kAcceptor, limits, Time{0});
  dialer.add_stripe(0, Time{0});
  acceptor.add_stripe(0, Time{0});
  acceptor.answer({AnswerCode::kUnreachable, "relay-b", "10.0.0.7:6379: connection refused"});
  acceptor.answer({});
  std::string wire;
  while (const auto frame = acceptor.next(0, Time{0})) wire += *frame;
  ASSERT_TRUE(dialer.receive(0, wire, Time{0}));
  ASSERT_TRUE(dialer.failure());
  EXPECT_EQ(dialer.failure()->code, Errc::kDisconnected);
  EXPECT_EQ(dialer.failure()->detail, "relay-b: 10.0.0.7:6379: connection refused");
}

TEST(Session, ResendsOnOthersWhatAStripeStillOwedWhenItEnds) {
  Limits limits;
  SessionPair pair(limits);
  pair.settle(3, 10ms);
  pair.dialer.write("first ", pair.now);
  pair.send(0);
  pair.pass(3ms);
  pair.add();
  pair.kill(0);
  pair.dialer.write("second", pair.now);
  pair.settle(5, 10ms);
  EXPECT_EQ(SessionPair::drain(pair.acceptor, pair.now), "first second");
  EXPECT_GT(pair.dialer.stats().resent, 0U);
}

TEST(Session, ResendsWhatIsLateBeforeItsStripeIsGivenUp) {
  Limits limits;
  SessionPair pair(limits);
  pair.add();
  pair.settle(20, 10ms);
  pair.dialer.write("held up", pair.now);
  pair.send(0);  // and never arrives
  pair.pass(100ms);
  EXPECT_FALSE(pair.dialer.has_work(1, pair.now)) << "it may still come";
  pair.pass(500ms);
  pair.send(1);  // a ping
  pair.send(1);
  ASSERT_TRUE(pair.deliver(1, std::string::npos));
  EXPECT_EQ(SessionPair::drain(pair.acceptor, pair.now), "held up");
}

TEST(Session, ResendsASmallFrameThatHoldsUpOthersAsSoonAsTcpDoes) {
  Limits limits;
  SessionPair pair(limits);
  pair.add();
  pair.settle(20, 10ms);
  pair.dialer.write("held up", pair.now);
  pair.send(0);  // and never arrives
  const Time end = pair.now + limits.late_min;
  std::string came;
  for (; came.empty() && pair.now < end; pair.pass(10ms)) {
    pair.dialer.write(".", pair.now);
    for (int frame = 0; frame < 10; ++frame) pair.send(1);
    ASSERT_TRUE(pair.deliver(1, std::string::npos));
    came = SessionPair::drain(pair.acceptor, pair.now);
  }
  EXPECT_TRUE(came.starts_with("held up.")) << came;
}

TEST(Session, IsBehindWhenMoreWaitsThanItsConnectionsTakeAndNotWhileABlockFillsUp) {
  Limits limits;
  SessionPair pair(limits);
  pair.settle(20, 10ms);
  for (int n = 0; n < 100; ++n) {
    pair.dialer.write("trickle", pair.now);
    pair.pass(2ms);
    EXPECT_FALSE(pair.dialer.is_behind(pair.now));
    pair.settle(1, 1ms);
  }
  pair.dialer.write("nobody takes it", pair.now);
  for (int n = 0; n < 10; ++n) pair.pass(10ms);
  EXPECT_TRUE(pair.dialer.is_behind(pair.now));
}

// A paced tunnel of three connections, one of which rests.
SessionPair with_one_at_rest(const Limits& limits) {
  SessionPair pair(limits);
  for (int n = 0; n < 3; ++n) pair.add();
  pair.settle(700, 10ms);
  return pair;
}

TEST(Session, LetsConnectionsRestThatAreNotNeeded) {
  Limits limits;
  limits.one_stripe_bytes = {0};
  auto pair = with_one_at_rest(limits);
  for (int n = 0; n < 5; ++n) {
    pair.dialer.write(std::string(1000, 'x'), pair.now);
    for (const auto number : pair.numbers()) {
      if (!pair.dialer.has_work(number, pair.now)) continue;
      EXPECT_FALSE(pair.dialer.is_resting(number) && !pair.dialer.has_control(number, pair.now));
    }
    pair.settle(1, 10ms);
  }
  EXPECT_TRUE(pair.dialer.has_resting());
}

TEST(Session, SendsNothingMoreIntoACut) {
  Limits limits;
  limits.one_stripe_bytes = {0};
  auto pair = with_one_at_rest(limits);
  for (const auto number : pair.numbers()) {
    if (pair.dialer.is_resting(number)) continue;
    pair.dialer.write("lost", pair.now);
    pair.pass(3ms);
    pair.send(number);
  }
  pair.pass(700ms);
  for (const auto number : pair.numbers()) pair.send(number);
  EXPECT_EQ(pair.dialer.stats().resent, 0U) << "by those that rest, whose windows it would take";
}

TEST(Session, RenewsOnlyWhatRests) {
  Limits limits;
  limits.one_stripe_bytes = {0};
  auto pair = with_one_at_rest(limits);
  for (const auto number : pair.numbers()) {
    if (!pair.dialer.is_resting(number)) pair.dialer.renew(number, pair.now);
  }
  EXPECT_TRUE(pair.dialer.stripes_to_close().empty());
  for (const auto number : pair.numbers()) pair.dialer.renew(number, pair.now);
  ASSERT_EQ(pair.dialer.stripes_to_close().size(), 1U);
  EXPECT_TRUE(pair.dialer.is_resting(pair.dialer.stripes_to_close().front()));
}

TEST(Session, RenewsOneAfterTheOther) {
  Limits limits;
  limits.one_stripe_bytes = {0};
  auto pair = with_one_at_rest(limits);
  const auto before = pair.dialer.stats().ended(StripeEnd::kRenewed);
  for (int n = 0; n < 3; ++n) {
    for (const auto number : pair.numbers()) pair.dialer.renew(number, pair.now);
    for (const auto number : pair.dialer.stripes_to_close()) {
      pair.kill(number);
      pair.add();
    }
  }
  EXPECT_EQ(pair.dialer.stats().ended(StripeEnd::kRenewed), before + 1);
  EXPECT_FALSE(pair.dialer.failure());
}

TEST(Session, GivesUpASilentStripeWhileOthersSpeak) {
  Limits limits;
  SessionPair pair(limits);
  pair.add();
  pair.settle(20, 10ms);
  pair.dialer.write("x", pair.now);
  pair.send(0);
  for (int n = 0; n < 100; ++n) {
    for (int frames = 0; frames < 3; ++frames) pair.send(1);
    ASSERT_TRUE(pair.deliver(1, std::string::npos));
    pair.pass(50ms);
  }
  EXPECT_EQ(pair.dialer.stripes_to_close(), std::vector<StripeNumber>{0});
  pair.kill(0);
  EXPECT_EQ(pair.dialer.stats().ended(StripeEnd::kSilent), 1U);
  EXPECT_EQ(pair.acceptor.stats().ended(StripeEnd::kReset), 1U) << "for it the peer has ended it";
}

TEST(Session, ProbesWhenAllIsSilentAndEndsAfterItsTime) {
  Limits limits;
  SessionPair pair(limits);
  pair.settle(20, 10ms);
  EXPECT_FALSE(pair.dialer.wants_probe());
  pair.dialer.write("x", pair.now);
  pair.send(0);
  pair.pass(limits.silence - 1ms);
  EXPECT_FALSE(pair.dialer.wants_probe());
  pair.pass(1ms);
  EXPECT_TRUE(pair.dialer.wants_probe());
  EXPECT_FALSE(pair.acceptor.wants_probe()) << "only who dialled dials";
  EXPECT_TRUE(pair.dialer.stripes_to_close().empty()) << "it may come back";
  pair.pass(limits.cut_max - limits.silence);
  ASSERT_TRUE(pair.dialer.failure());
  EXPECT_EQ(pair.dialer.failure()->code, Errc::kTimedOut);
}

TEST(Session, FreesItsCompressorWhenIdleAndGoesOnAfterIt) {
  Limits limits;
  SessionPair pair(limits);
  const std::string text(60'000, 'x');
  for (int n = 0; n < 3; ++n) {
    pair.dialer.write(text, pair.now);
    pair.settle(10, 10ms);
    EXPECT_EQ(SessionPair::drain(pair.acceptor, pair.now), text);
    pair.settle(400, 100ms);
  }
  // Each time what goes before the first compressed block, in blocks of up to 8 KiB.
  EXPECT_LT(pair.dialer.stats().encoded_sent, 3 * (BlockEncoder::kFirstBytes + 9000));
}

TEST(Session, HoldsItselfToARateWhileItMakesRoom) {
  Limits limits;
  limits.compression.is_enabled = false;
  SessionPair pair(limits);
  pair.settle(2, 10ms);
  for (int n = 0; n < 40; ++n) pair.dialer.make_room(300ms, 200ms, pair.now);  // down to the least
  const std::string text(250'000, 'x');
  ASSERT_EQ(pair.dialer.write(text, pair.now), text.size());
  pair.settle(50, 10ms);
  const auto came = SessionPair::drain(pair.acceptor, pair.now).size();
  EXPECT_GT(came, 100'000U);
  EXPECT_LT(came, 160'000U);
  pair.dialer.take_all_room(pair.now);
  pair.settle(2, 10ms);
  EXPECT_EQ(came + SessionPair::drain(pair.acceptor, pair.now).size(), text.size());
}

TEST(Session, WantsMoreStripesOnceItCarriesMuch) {
  Limits limits;
  SessionPair pair(limits);
  EXPECT_EQ(pair.dialer.stripes_wanted(), 1U);
  limits.one_stripe_bytes = {10};
  pair.acceptor.write("0123456789", pair.now);
  pair.settle(5, 10ms);
  EXPECT_EQ(pair.dialer.stripes_wanted(), limits.stripes);
}

}  // namespace
}  // namespace sluice::tunnel
