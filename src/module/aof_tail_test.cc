#include "module/aof_tail.h"

#include <gtest/gtest.h>
#include <string>

#include "crdt/batch.h"
#include "module/aof_files.h"
#include "resp/writer.h"

namespace sluice::module {
namespace {

using Words = std::vector<std::string>;

std::string bytes_of(const std::vector<Words>& commands) {
  std::string bytes;
  for (const Words& words : commands) {
    bytes += "*" + std::to_string(words.size()) + "\r\n";
    for (const auto& word : words)
      bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

Words batch(std::uint32_t incarnation, crdt::Seq first, std::uint32_t count, bool more = false) {
  crdt::Batch made;
  made.header.actor = {1, incarnation};
  made.header.first = first;
  made.header.count = count;
  made.header.more = more;
  for (std::uint32_t at = 0; at < count; ++at)
    made.ops.push_back({.key = {0, "k"}, .effect = crdt::Increment{1}});
  return {"geo.ops", crdt::encode(made)};
}

struct Seen {
  std::uint64_t turns = 0;
  std::vector<std::string> tail = {};  // "db word word"
  bool operator==(const Seen&) const = default;
};

Seen seen(const AofTail& tail) {
  Seen all{tail.turns(), {}};
  const auto commands = tail.commands();
  for (const auto& command : commands.value()) {
    auto& line = all.tail.emplace_back(std::to_string(command.db));
    for (const auto word : command.words) line += ' ' + std::string(word);
  }
  return all;
}

Seen read(std::string_view bytes, std::size_t piece = 1 << 20U) {
  AofTail tail;
  tail.begin_file();
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    EXPECT_TRUE(tail.feed(bytes.substr(0, piece)));
  return seen(tail);
}

const Words kIncr{"INCR", "n"}, kMulti{"MULTI"}, kExec{"EXEC"};

TEST(AofTail, IsWhatFollowsTheLastBatch) {
  EXPECT_EQ(read(bytes_of({{"SELECT", "3"}, kIncr, batch(7, 1, 1), {"SET", "a", "b"}, kIncr})),
            (Seen{1, {"3 SET a b", "3 INCR n"}}));
  EXPECT_EQ(read(bytes_of({kIncr, batch(7, 1, 1)})), Seen{1});
  EXPECT_EQ(read(bytes_of({kIncr})), (Seen{0, {"0 INCR n"}}));
  EXPECT_EQ(read(""), Seen{});
}

TEST(AofTail, ComesInAnyPieces) {
  const auto bytes = "#TS:1700000000\r\n" + bytes_of({{"SELECT", "1"},
                                                      kIncr,
                                                      batch(7, 1, 1),
                                                      kMulti,
                                                      {"SET", "a", std::string("\0\r\n*2", 5)},
                                                      kExec});
  for (const std::size_t piece : {1, 2, 3, 7}) EXPECT_EQ(read(bytes, piece), read(bytes));
}

TEST(AofTail, LeavesOutWhatBreaksOff) {
  const auto whole = bytes_of({kIncr, batch(7, 1, 1), {"SET", "a", "b"}});
  const auto open = whole + bytes_of({kMulti, kIncr, batch(7, 2, 2), {"SET", "c", "d"}});
  const Seen expected{1, {"0 SET a b"}};
  for (std::size_t end = whole.size(); end <= open.size(); ++end)
    EXPECT_EQ(read(open.substr(0, end)), expected) << end;
  EXPECT_EQ(read(open + bytes_of({kExec})), (Seen{2, {"0 SET c d"}}));
}

TEST(AofTail, GoesOnBehindABatchThatIsNotTheTurnsLast) {
  EXPECT_EQ(read(bytes_of({kIncr, kIncr, batch(7, 1, 1, true)})),
            (Seen{0, {"0 INCR n", "0 INCR n"}}));
  EXPECT_EQ(read(bytes_of({kIncr, kIncr, batch(7, 1, 1, true), batch(7, 2, 1)})), Seen{1});
}

TEST(AofTail, GoesOnBehindABatchThatIsSentAgain) {
  EXPECT_EQ(read(bytes_of({batch(7, 1, 5), kIncr, batch(7, 1, 2), batch(6, 1, 9)})),
            (Seen{1, {"0 INCR n"}}));
  EXPECT_EQ(read(bytes_of({batch(7, 1, 5), kIncr, batch(8, 1, 1)})), Seen{2});
  EXPECT_EQ(read(bytes_of({batch(7, 1, 5), kIncr, batch(7, 6, 0)})), Seen{2}) << "a promise alone";
}

TEST(AofTail, BeginsAnewBehindWhatComesFromOthers) {
  for (const Words& words :
       {Words{"GEO.APPLY", "x"}, Words{"geo.merge", "FINISH"}, Words{"geo.join", "2"}})
    EXPECT_EQ(read(bytes_of({words, kIncr})), (Seen{1, {"0 INCR n"}}));
  EXPECT_EQ(read(bytes_of({kIncr, {"geo.position", "source", "id", "1"}})).turns, 0U);
}

TEST(AofTail, LeavesOutWhatIsOfConsumerGroupsAlone) {
  EXPECT_EQ(read(bytes_of({{"XACK", "x", "g", "1-1"},
                           {"XGROUP", "CREATE", "x", "g", "$", "MKSTREAM"},
                           {"XSETID", "x", "2-2"}})),
            (Seen{0, {"0 XGROUP CREATE x g $ MKSTREAM", "0 XSETID x 2-2"}}));
}

TEST(AofTail, GoesOnInTheNextFileInTheFirstDatabase) {
  AofTail tail;
  for (const auto& bytes :
       {bytes_of({batch(7, 1, 1), {"SELECT", "2"}, kIncr}), bytes_of({kIncr})}) {
    tail.begin_file();
    ASSERT_TRUE(tail.feed(bytes));
  }
  EXPECT_EQ(seen(tail), (Seen{1, {"2 INCR n", "0 INCR n"}}));
}

TEST(AofTail, IsUnknownWhenItIsTooLongUntilATurnEnds) {
  AofTail tail(100);
  tail.begin_file();
  ASSERT_TRUE(tail.feed(bytes_of({{"SET", "a", std::string(100, 'x')}})));
  EXPECT_FALSE(tail.commands());
  ASSERT_TRUE(tail.feed(bytes_of({batch(7, 1, 1), kIncr})));
  EXPECT_EQ(seen(tail), (Seen{1, {"0 INCR n"}}));
}

TEST(AofTail, RefusesWhatIsNoAof) {
  AofTail tail;
  tail.begin_file();
  const auto fed = tail.feed("*1\r\nINCR\r\n");
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::kProtocol);
}

TEST(AofFiles, AreThoseThatAreLoaded) {
  const auto files = aof_files(
      "file a.aof.2.base.rdb seq 2 type b\nfile a.aof.1.incr.aof seq 1 type h\n"
      "file \"a b.aof.2.incr.aof\" seq 2 type i\nfile a.aof.3.incr.aof seq 3 type i startoffset "
      "7\n");
  ASSERT_TRUE(files);
  EXPECT_EQ(*files, (std::vector<std::string>{"a.aof.2.base.rdb", "a b.aof.2.incr.aof",
                                              "a.aof.3.incr.aof"}));
  EXPECT_EQ(aof_files("what is this").error().code, Errc::kProtocol);
}

// A folder of one AOF.
Result<void> read_example(const std::string& path, const TakeBytes& take) {
  const auto give = [&](const std::string& bytes) -> Result<void> {
    TRY_VOID(take(bytes));
    return {};
  };
  if (path == "dir/a.manifest")
    return give(
        "file a.base seq 1 type b\nfile old seq 1 type h\nfile a.1 seq 1 type i\nfile a.2 seq 2 "
        "type i\n");
  if (path == "dir/a.base") return give("REDIS0011 and so on");
  if (path == "dir/a.1") return give(bytes_of({kIncr, batch(7, 1, 1), {"SELECT", "2"}, kIncr}));
  if (path == "dir/a.2") return give(bytes_of({kIncr}));
  return fail(Errc::kNotFound, path);
}

TEST(AofFiles, AreReadInTheirOrder) {
  const auto tail = read_aof_tail(read_example, "dir", "a.manifest");
  ASSERT_TRUE(tail);
  EXPECT_EQ(seen(*tail), (Seen{1, {"2 INCR n", "0 INCR n"}}));
  EXPECT_EQ(read_aof_tail(read_example, "dir", "b.manifest").error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace sluice::module
