#include "geo/batch_reader.h"

#include <gtest/gtest.h>

#include "resp/writer.h"

namespace sluice::geo {
namespace {

std::string batch(crdt::Actor actor, crdt::Seq first) {
  crdt::Batch made;
  made.header.actor = actor;
  made.header.first = first;
  return crdt::encode(made);
}

std::vector<BatchReader::Found> read(std::string_view stream, std::size_t piece,
                                     std::uint64_t from = 0) {
  BatchReader reader{repl::Offset{from}};
  std::vector<BatchReader::Found> all;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    reader.feed(stream.substr(at, piece));
    for (;;) {
      auto found = reader.next();
      EXPECT_TRUE(found) << found.error().detail;
      if (!found || !*found) break;
      all.push_back(**std::move(found));
    }
  }
  EXPECT_EQ(reader.boundary(), repl::Offset{from + stream.size()});
  return all;
}

class BatchReaderTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(BatchReaderTest, FindsBatchesAmongNativeCommandsInAnyPieces) {
  std::string stream;
  resp::append_command(stream, {"SELECT", "0"});
  resp::append_command(stream, {"geo.set", "a", "value that is none of ours"});
  const auto ops_at = stream.size();
  resp::append_command(stream, {"geo.ops", batch({1, 2}, 5)});
  const auto ops_end = stream.size();
  stream += "\n";
  resp::append_command(stream, {"MULTI"});
  resp::append_command(stream, {"GEO.APPLY", batch({3, 4}, 9), "AT", "x", "replid", "1"});
  resp::append_command(stream, {"EXEC"});
  resp::append_command(stream, {"REPLCONF", "GETACK", "*"});
  resp::append_command(stream, {"REPLCONF", "something", "*"});

  const auto found = read(stream, GetParam(), 1000);

  ASSERT_EQ(found.size(), 3U);
  const auto& own = std::get<StreamBatch>(found[0]);
  EXPECT_FALSE(own.is_foreign);
  EXPECT_EQ(own.header.actor, (crdt::Actor{1, 2}));
  EXPECT_EQ(own.header.first, 5U);
  EXPECT_EQ(own.bytes, batch({1, 2}, 5));
  EXPECT_EQ(own.begin, repl::Offset{1000 + ops_at});
  EXPECT_EQ(own.end, repl::Offset{1000 + ops_end});
  const auto& foreign = std::get<StreamBatch>(found[1]);
  EXPECT_TRUE(foreign.is_foreign);
  EXPECT_EQ(foreign.header.actor, (crdt::Actor{3, 4}));
  EXPECT_TRUE(std::holds_alternative<Getack>(found[2]));
}

TEST_P(BatchReaderTest, FindsAllBatchesOfACommand) {
  std::string stream;
  resp::append_command(stream, {"GEO.APPLY", batch({3, 4}, 9), batch({3, 4}, 10), batch({3, 4}, 11),
                                "AT", "x", "replid", "1"});
  const auto end = stream.size();
  resp::append_command(stream, {"GEO.APPLY", batch({3, 4}, 12), batch({3, 4}, 13)});

  const auto found = read(stream, GetParam(), 1000);

  ASSERT_EQ(found.size(), 5U);
  for (std::size_t at = 0; at < found.size(); ++at) {
    const auto& one = std::get<StreamBatch>(found[at]);
    EXPECT_EQ(one.header.first, 9 + at);
    EXPECT_EQ(one.bytes, batch({3, 4}, 9 + at));
    EXPECT_EQ(one.begin, repl::Offset{at < 3 ? 1000 : 1000 + end});
    EXPECT_TRUE(one.is_foreign);
  }
}

INSTANTIATE_TEST_SUITE_P(Pieces, BatchReaderTest, ::testing::Values(1, 2, 7, 64, 100000));

TEST(BatchReader, MayBeginInsideOfATransaction) {
  std::string stream;
  resp::append_command(stream, {"SET", "a", "1"});
  resp::append_command(stream, {"EXEC"});
  resp::append_command(stream, {"geo.ops", batch({1, 1}, 1)});
  EXPECT_EQ(read(stream, 100000).size(), 1U);
}

TEST(BatchReader, NamesThePlaceOfABatchThatIsNone) {
  std::string stream;
  resp::append_command(stream, {"geo.ops", "nonsense"});
  BatchReader reader{repl::Offset{500}};
  reader.feed(stream);
  const auto found = reader.next();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::kProtocol);
  EXPECT_NE(found.error().detail.find(std::to_string(500 + stream.size())), std::string::npos);
}

TEST(BatchReader, HoldsNoNativeValue) {
  BatchReader reader{repl::Offset{0}};
  reader.feed("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9000000000\r\nxxxxx");
  const auto found = reader.next();
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
}

TEST(BatchReader, RefusesABatchBeyondTheLimit) {
  BatchReader reader{repl::Offset{0}};
  reader.feed("*2\r\n$7\r\ngeo.ops\r\n$9000000000\r\nxxxxx");
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace sluice::geo
