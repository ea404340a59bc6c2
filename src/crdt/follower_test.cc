// A replica notes what its master notes, until the master's batch tells it: what is left it tells when it takes over.
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "crdt/batch.h"
#include "crdt/model_redis_test.h"
#include "crdt/region.h"

namespace sluice::crdt {
namespace {

class Follower : public testing::Test {
 protected:
  void begin(Turn turn) {
    master.begin_incarnation(1);
    tell(turn);
  }
  // Done by the master, and what its replica gets of it.
  void write() {
    const Op op{{0, "k"}, Increment{1}, redis.type({0, "k"}) == ValueType::kNone};
    redis.execute(op);
    master.note(op, redis, now_ms);
    replica.note(op, redis, now_ms);
  }
  void write_three_large() {
    for (const std::string name : {"a", "b", "c"}) {
      const Op op{
          {0, name}, WriteString{std::string(kBatchBytesEnough / 2 + 1, 'x'), kNoDeadline}, true};
      redis.execute(op);
      master.note(op, redis, now_ms);
      replica.note(op, redis, now_ms);
    }
  }
  void tell(Turn turn) {
    const auto batch = *master.flush(++now_ms, turn);
    EXPECT_EQ(replica.compare_noted(batch), 0U) << replica.misnoted();
    EXPECT_TRUE(replica.record(batch, redis, now_ms).has_value());
  }
  // How many writes the promoted replica tells that its master has not.
  std::size_t untold() {
    replica.begin_incarnation(2);
    std::size_t count = 0;
    while (const auto bytes = replica.flush(now_ms)) {
      const auto batch = *decode_batch(*bytes);
      for (const Op& op : batch.ops)
        if (const auto* const taken = std::get_if<TakeOver>(&op.effect))
          count += ops_of(*taken).size();
        else if (!std::holds_alternative<Begin>(op.effect))
          ++count;
    }
    return count;
  }

  Region master{1, {}}, replica{1, {}};
  ModelRedis redis;
  std::uint64_t now_ms = 1'000'000;
};

TEST_F(Follower, TellsWhatNoBatchHasTold) {
  begin(Turn::kEnds);
  write();
  tell(Turn::kEnds);
  write();
  write();
  EXPECT_EQ(untold(), 2U);
}

// A server that begins an AOF saves itself before its first turn ends.
TEST_F(Follower, TellsNothingTwiceWhereTheMasterSavedItselfAsItBegan) {
  begin(Turn::kGoesOn);
  write();
  tell(Turn::kEnds);
  EXPECT_EQ(untold(), 0U);
}

TEST_F(Follower, TellsNothingTwiceWhereTheMasterSavedItselfWithinATurn) {
  begin(Turn::kEnds);
  write();
  tell(Turn::kGoesOn);
  write();
  tell(Turn::kEnds);
  write();
  tell(Turn::kGoesOn);
  EXPECT_EQ(untold(), 0U);
}

TEST_F(Follower, TellsTheRestOfATurnInWhichTheMasterSavedItself) {
  begin(Turn::kEnds);
  write();
  write();
  const auto batch = *master.flush(now_ms, Turn::kGoesOn);
  write();
  EXPECT_EQ(replica.compare_noted(batch), 0U) << replica.misnoted();
  EXPECT_TRUE(replica.record(batch, redis, now_ms).has_value());
  EXPECT_EQ(untold(), 1U);
}

// Of three such writes two make a batch.
TEST_F(Follower, TellsWhatIsLeftOfATurnOfSeveralBatches) {
  begin(Turn::kEnds);
  write_three_large();
  tell(Turn::kEnds);
  EXPECT_EQ(untold(), 1U);
}

TEST_F(Follower, TakesOverInAsManyBatches) {
  begin(Turn::kEnds);
  write_three_large();
  replica.begin_incarnation(2);
  std::vector<std::pair<Seq, std::size_t>> told;
  while (const auto bytes = replica.flush(now_ms)) {
    const auto batch = *decode_batch(*bytes);
    for (const Op& op : batch.ops)
      if (const auto* const taken = std::get_if<TakeOver>(&op.effect))
        told.emplace_back(taken->first, ops_of(*taken).size());
  }
  EXPECT_EQ(told, (std::vector<std::pair<Seq, std::size_t>>{{2, 2}, {4, 1}}));
}

// Their cached cardinality may be another, and how their registers are stored.
TEST_F(Follower, HoldsAHyperLogLogAgainstItsMastersByItsRegisters) {
  begin(Turn::kEnds);
  const auto hll = [](char cached, char value) {
    return "HYLL" + std::string(1, '\1') + std::string(3, '\0') + std::string(8, cached) +
           std::string{'\x7f', '\xfe', value};
  };
  const auto others = [&](const std::string& here, const std::string& there) {
    master.note({{0, "k"}, MergeHll{there}, false}, redis, now_ms);
    replica.note({{0, "k"}, MergeHll{here}, false}, redis, now_ms);
    const auto batch = *master.flush(++now_ms, Turn::kEnds);
    const auto count = replica.compare_noted(batch);
    EXPECT_TRUE(replica.record(batch, redis, now_ms).has_value());
    return count;
  };
  const char one = '\x80';  // a run of one register
  const char two = '\x84';
  EXPECT_EQ(others(hll(0, one), hll(1, one)), 0U);
  EXPECT_EQ(others(hll(0, one), hll(0, two)), 1U);
}

}  // namespace
}  // namespace sluice::crdt
