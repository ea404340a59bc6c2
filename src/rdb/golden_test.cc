// Scans RDBs of real servers: tests/golden/rdb, whose make.py says what is in them.
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "rdb/scanner.h"

namespace sluice::rdb {
namespace {

const std::string kFolder = "tests/golden/rdb/";  // from the root of the tree, where tests run
constexpr std::size_t kSmall = 512;

std::string read_file(const std::string& name) {
  std::ifstream file(kFolder + name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class GoldenRdb : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [name, about] : expected.items()) rdbs[name] = read_file(name + ".rdb");
    ASSERT_FALSE(rdbs.empty());
  }

  nlohmann::json expected = nlohmann::json::parse(read_file("expected.json"));
  std::map<std::string, std::string> rdbs;
};

TEST_F(GoldenRdb, HoldsWhatTheServerSaid) {
  for (const auto& [name, rdb] : rdbs) {
    SCOPED_TRACE(name);
    const auto& about = expected[name];
    Scanner scanner;
    const auto fed = scanner.feed(rdb);
    ASSERT_TRUE(fed) << fed.error().detail;
    const auto summary = scanner.finish();
    ASSERT_TRUE(summary) << summary.error().detail;
    EXPECT_EQ(summary->dialect.version, about["version"]);
    EXPECT_EQ(summary->dialect.engine == Engine::kValkey, about["engine"] == "valkey");
    EXPECT_EQ(summary->bytes, rdb.size());
    EXPECT_EQ(summary->functions, about.value("functions", 0U));
    EXPECT_EQ(summary->stream_db.has_value(), about.contains("stream_db"));
    EXPECT_EQ(summary->stream_db.value_or(0), about.value("stream_db", 0U));
    EXPECT_EQ(summary->dbs.size(), about["dbs"].size());
    for (const auto& [db, count] : summary->dbs) {
      EXPECT_EQ(count.keys, about["dbs"][std::to_string(db)]["keys"]);
      EXPECT_EQ(count.expires, about["dbs"][std::to_string(db)]["expires"]);
    }
  }
}

TEST_F(GoldenRdb, TellsWhereTheStreamOfAReplicaGoesOn) {
  Scanner scanner;
  ASSERT_TRUE(scanner.feed(rdbs["sync"]));
  const auto aux = scanner.finish()->aux;
  EXPECT_EQ(aux.at("redis-ver"), "7.0.15");
  EXPECT_EQ(aux.at("repl-id").size(), 40U);
  EXPECT_TRUE(aux.contains("repl-offset"));
  EXPECT_TRUE(aux.contains("ctime"));
  EXPECT_TRUE(aux.contains("used-mem"));
}

TEST_F(GoldenRdb, IsNotCompleteBeforeItsLastByte) {
  for (const auto& [name, rdb] : rdbs) {
    SCOPED_TRACE(name);
    Scanner scanner;
    for (const char byte : rdb) {
      ASSERT_FALSE(scanner.is_complete());
      ASSERT_FALSE(scanner.finish());
      ASSERT_TRUE(scanner.feed({&byte, 1}));
    }
    EXPECT_TRUE(scanner.is_complete());
  }
}

TEST_F(GoldenRdb, IsSoundOnlyIfEveryByteIs) {
  for (const auto& [name, rdb] : rdbs) {
    if (name == "small-unchecked" || name == "ancient") continue;
    SCOPED_TRACE(name);
    const std::size_t step = rdb.size() < kSmall ? 1 : 101;
    for (std::size_t at = 0; at < rdb.size(); at += step) {
      for (const unsigned flip : {1U, 0x10U, 0x80U, 0xffU}) {
        auto damaged = rdb;
        damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ flip);
        Scanner scanner;
        EXPECT_FALSE(scanner.feed(damaged) && scanner.is_complete()) << at;
      }
    }
  }
}

TEST_F(GoldenRdb, SurvivesDamageWithoutAChecksum) {
  const auto& rdb = rdbs["small-unchecked"];
  for (std::size_t at = 0; at < rdb.size(); ++at) {
    for (unsigned byte = 0; byte < 256; byte += 5) {
      auto damaged = rdb;
      damaged[at] = static_cast<char>(byte);
      Scanner scanner;
      (void)scanner.feed(damaged).has_value();
    }
  }
}

}  // namespace
}  // namespace sluice::rdb
