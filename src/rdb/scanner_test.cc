#include "rdb/scanner.h"

#include <gtest/gtest.h>
#include <string>

#include "rdb/crc64.h"
#include "rdb/lzf.h"
#include "rdb/writer.h"

namespace sluice::rdb {
namespace {

using std::string_literals::operator""s;  // for the zeros in them

Result<RdbSummary> scan(std::string_view bytes) {
  Scanner scanner;
  TRY_VOID(scanner.feed(bytes));
  return scanner.finish();
}

std::string refusal(std::string_view bytes) {
  const auto summary = scan(bytes);
  return summary ? "none" : summary.error().detail;
}

const std::string kRedis = "REDIS0010";

TEST(Crc64, IsTheOneOfRedis) {
  EXPECT_EQ(crc64(0, "123456789"), 0xe9c6d914c4b8d9caU);
  EXPECT_EQ(crc64(crc64(0, "1234"), "56789"), 0xe9c6d914c4b8d9caU);
}

TEST(Lzf, UnpacksLiteralsAndOverlappingMatches) {
  EXPECT_EQ(*lzf_unpack("\x02"
                        "abc"
                        "\xe0\x0a\x02"s,
                        22),
            "abcabcabcabcabcabcabca");
}

TEST(Lzf, RefusesWhatReachesOutOfItsBytes) {
  EXPECT_FALSE(
      lzf_unpack("\x05"
                 "abc"s,
                 6));
  EXPECT_FALSE(
      lzf_unpack("\x00"
                 "a\x20\x07"s,
                 4));
  EXPECT_FALSE(lzf_unpack("\xe0"s, 4));
  EXPECT_FALSE(
      lzf_unpack("\x00"
                 "a"s,
                 2));
}

TEST(RdbScanner, SummarisesWhatIsInIt) {
  Writer writer;
  writer.aux("redis-ver", "7.0.15");
  writer.aux("repl-stream-db", "5");
  writer.select(0);
  writer.set("a", "1");
  writer.set("b", std::string(100, 'x'), 1);
  writer.select(5);
  writer.set(std::string(20'000, 'k'), "");
  const auto rdb = writer.finish();

  const auto summary = scan(rdb);
  ASSERT_TRUE(summary) << summary.error().detail;
  EXPECT_EQ(summary->dialect, (Dialect{Engine::kRedis, 10}));
  EXPECT_EQ(summary->bytes, rdb.size());
  EXPECT_EQ(summary->total, (KeyCount{.keys = 3, .expires = 1}));
  EXPECT_EQ(summary->dbs.at(0), (KeyCount{.keys = 2, .expires = 1}));
  EXPECT_EQ(summary->dbs.at(5), (KeyCount{.keys = 1, .expires = 0}));
  EXPECT_EQ(summary->aux.at("redis-ver"), "7.0.15");
  EXPECT_EQ(summary->stream_db, 5U);
  EXPECT_TRUE(summary->is_checksummed);
}

TEST(RdbScanner, KnowsDialectsByMagicAndVersion) {
  EXPECT_EQ(refusal("REDIS0012\xff"), "RDB ends at offset 10, before its end");
  EXPECT_EQ(refusal("VALKEY081\xff"), "RDB ends at offset 10, before its end");
  for (const std::string magic : {"REDIS0000", "REDIS0080", "REDIS00x1", "VALKEY011", "DUMP00010",
                                  "redis0010", "VALKEY-80"}) {
    const auto why = refusal(magic + "\xff");
    EXPECT_TRUE(why.starts_with("not an RDB") || why.starts_with("RDB of an unknown kind")) << why;
  }
}

TEST(RdbScanner, StopsAtATypeThatItsDialectDoesNotKnow) {
  for (const int type : {6, 8, 22, 23, 26, 100, 127, 200, 242, 243, 246}) {
    EXPECT_EQ(refusal(kRedis + static_cast<char>(type) + "\x01k"),
              "RDB offset 9: type byte " + std::to_string(type) + " is unknown");
  }
  for (const int type : {23, 24, 25, 242}) {
    EXPECT_EQ(refusal("VALKEY080"s + static_cast<char>(type) + "\x01k"),
              "RDB offset 9: type byte " + std::to_string(type) + " is unknown");
  }
}

TEST(RdbScanner, RefusesBytesAfterItsEnd) {
  Writer writer;
  const auto rdb = writer.finish();
  EXPECT_EQ(refusal(rdb + "x"), "RDB offset 18: bytes follow the end");
  Scanner scanner;
  ASSERT_TRUE(scanner.feed(rdb));
  EXPECT_TRUE(scanner.feed(""));
  EXPECT_FALSE(scanner.feed("x"));
}

TEST(RdbScanner, TellsCorruptionFromNonsense) {
  Writer writer;
  writer.set("key", "value");
  auto rdb = writer.finish();
  rdb[12] = 'K';
  const auto summary = scan(rdb);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, Errc::kCorrupt);
}

TEST(RdbScanner, TakesAZeroChecksumForNone) {
  const auto summary = scan(kRedis + "\xff" + std::string(8, '\0'));
  ASSERT_TRUE(summary);
  EXPECT_FALSE(summary->is_checksummed);
}

TEST(RdbScanner, SurvivesHostileLengths) {
  const auto most = "\x81\xff\xff\xff\xff\xff\xff\xff\xff"s;
  for (const std::string& body : {
           "\x00"s + most + "k",                  // key
           "\x01\x01k"s + most + "\x01v",         // list
           "\xfa"s + most + "a",                  // aux
           "\xfa\x01n\xc3"s + most + most + "a",  // packed
           "\x0f\x01k"s + most + "\x01n",         // stream
           "\xf7"s + most + most + most + "\x05" + most,
       }) {
    EXPECT_TRUE(refusal(kRedis + body).ends_with("before its end")) << refusal(kRedis + body);
  }
  EXPECT_EQ(refusal(kRedis + "\xfe" + most), "RDB offset 10: a database beyond every limit");
  EXPECT_EQ(refusal(kRedis + "\xfe\x82"), "RDB offset 10: expected a length");
  EXPECT_EQ(refusal(kRedis + "\x00\x82"s), "RDB offset 10: a length of an unknown kind");
  EXPECT_EQ(refusal(kRedis + "\x00\xc4"s), "RDB offset 10: a string of an unknown encoding");
  EXPECT_EQ(refusal(kRedis + "\xf7\x01\x02\x00\x06"s),
            "RDB offset 13: a value of a module of an unknown kind");
}

TEST(RdbScanner, ReadsEncodedAuxValues) {
  const auto summary = scan(kRedis +
                            "\xfa\x04"
                            "bits\xc0\x40"
                            "\xfa\x05"
                            "ctime\xc2\x01\x00\x00\x80"
                            "\xfa\x02"
                            "id\xc3\x06\x14\x00"
                            "a\xe0\x0a\x00\x00"  // "a", 19 more of it; a superfluous byte follows
                            "\xff"s +
                            std::string(8, '\0'));
  ASSERT_FALSE(summary);
  const auto sound = scan(kRedis +
                          "\xfa\x04"
                          "bits\xc0\x40"
                          "\xfa\x05"
                          "ctime\xc2\x01\x00\x00\x80"
                          "\xfa\x02"
                          "id\xc3\x05\x14\x00"
                          "a\xe0\x0a\x00"
                          "\xff"s +
                          std::string(8, '\0'));
  ASSERT_TRUE(sound) << sound.error().detail;
  EXPECT_EQ(sound->aux.at("bits"), "64");
  EXPECT_EQ(sound->aux.at("ctime"), "-2147483647");
  EXPECT_EQ(sound->aux.at("id"), std::string(20, 'a'));
}

TEST(RdbScanner, LeavesOutAuxFieldsBeyondItsLimits) {
  Writer writer;
  writer.aux("long", std::string(Scanner::kAuxBytesMax + 1, 'x'));
  for (std::size_t i = 0; i < 2 * Scanner::kAuxFieldsMax; ++i) writer.aux(std::to_string(i), "x");
  const auto summary = scan(writer.finish());
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->aux.size(), Scanner::kAuxFieldsMax);
  EXPECT_FALSE(summary->aux.contains("long"));
}

}  // namespace
}  // namespace sluice::rdb
