#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "crdt/batch.h"
#include "crdt/commands_test.h"
#include "crdt/noted_ops.h"

namespace sluice::crdt {
namespace {

// A batch of what random commands do.
Batch random_batch(std::uint64_t seed) {
  Dice dice(seed);
  ModelRedis redis;
  Batch batch;
  batch.header.actor = {static_cast<RegionId>(1 + dice.below(16)),
                        static_cast<std::uint32_t>(dice.next())};
  batch.header.first = 1 + dice.below(1'000'000);
  batch.header.hlc.bits = dice.next();
  batch.header.more = dice.chance(50);
  for (RegionId region = 1; region < 4; ++region) {
    if (dice.chance(50)) batch.header.context.push_back({{region, 7}, dice.below(100'000)});
    if (dice.chance(50)) batch.header.promise.push_back({{region, 7}, dice.below(100'000)});
  }
  Commands commands(redis, dice, 1, [&](const Op& op) { batch.ops.push_back(op); });
  for (auto left = dice.below(20); left > 0; --left) commands.run(1'000'000);
  batch.header.count = static_cast<std::uint32_t>(batch.ops.size());
  return batch;
}

RC_GTEST_PROP(BatchCodec, GivesBackTheBytesOfWhatItRead, (std::uint64_t seed)) {
  const auto bytes = encode(random_batch(seed));
  const auto batch = decode_batch(bytes);
  RC_ASSERT(batch.has_value());
  RC_ASSERT(encode(*batch) == bytes);
}

RC_GTEST_PROP(BatchCodec, WritesNotedOpsAsItWritesThemAtOnce, (std::uint64_t seed)) {
  auto batch = random_batch(seed);
  NotedOps noted(1'000);
  for (const Op& op : batch.ops) noted.add(op, 1);
  Writer header;
  encode_header(batch.header, header);
  RC_ASSERT(header.bytes() + std::string(noted.next_bytes()) == encode(batch));
  const auto ops = noted.ops();
  RC_ASSERT(ops.size() == batch.ops.size());
  for (std::size_t at = 0; at < ops.size(); ++at) RC_ASSERT(ops[at].key == batch.ops[at].key);
}

RC_GTEST_PROP(BatchCodec, ReadsTheHeaderAlone, (std::uint64_t seed)) {
  const auto batch = random_batch(seed);
  const auto header = decode_header(encode(batch));
  RC_ASSERT(header.has_value());
  RC_ASSERT(header->actor == batch.header.actor && header->first == batch.header.first &&
            header->count == batch.header.count && header->hlc == batch.header.hlc &&
            header->more == batch.header.more && header->context == batch.header.context &&
            header->promise == batch.header.promise);
}

RC_GTEST_PROP(BatchCodec, RefusesEveryPart, (std::uint64_t seed)) {
  const auto bytes = encode(random_batch(seed));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    RC_ASSERT(!decode_batch(std::string_view(bytes).substr(0, size)).has_value());
}

RC_GTEST_PROP(BatchCodec, RefusesMore, (std::uint64_t seed)) {
  RC_ASSERT(!decode_batch(encode(random_batch(seed)) + '\0').has_value());
}

RC_GTEST_PROP(BatchCodec, TakesFlippedBytesForAnErrorOrAnotherBatch,
              (std::uint64_t seed, std::uint8_t flip)) {
  auto bytes = encode(random_batch(seed));
  bytes[seed % bytes.size()] = static_cast<char>(bytes[seed % bytes.size()] ^ flip);
  const auto batch = decode_batch(bytes);
  if (batch) RC_ASSERT(encode(*batch) == bytes);
}

TEST(BatchCodec, SaysWhatIsWrongAndWhere) {
  const auto error = decode_batch("\x03").error();
  EXPECT_EQ(error.code, Errc::kProtocol);
  EXPECT_EQ(error.detail, "batch is of another version than 1 and 2, at byte 1");
}

TEST(BatchCodec, TakesFewerBytesThanTheCommandForSmallOps) {
  Batch batch;
  batch.header.actor = {1, 3};
  batch.header.count = 100;
  const Op op{{0, "counter:000012"}, Increment{1}, false};
  for (int left = 0; left < 100; ++left) batch.ops.push_back(op);
  constexpr std::size_t kCommandBytes = 36;  // *2 $4 INCR $14 counter:000012
  EXPECT_LT(encode(batch).size(), 100 * kCommandBytes);
}

}  // namespace
}  // namespace sluice::crdt
