#include "base/log.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace sluice::base {
namespace {

using namespace std::chrono_literals;

class Lines : public LogSink {
 public:
  bool takes(LogLevel level) const override { return level >= LogLevel::kInfo; }
  void write(const LogRecord& record) override {
    text = to_text(record);
    json = "{" + to_json_members(record) + "}";
  }

  std::string text;
  std::string json;
};

class LogLine : public testing::Test {
 protected:
  Lines lines_;
  Log log_{lines_};
};

TEST_F(LogLine, NamesLevelMessageAndFields) {
  log_.warn("replica dropped",
            {{"replica", 7}, {"why", Error{Errc::kTimedOut, "no sign of life"}}});
  EXPECT_EQ(lines_.text, "warn  replica dropped  replica=7 why=\"no sign of life\"");
  EXPECT_EQ(lines_.json,
            R"({"level":"warn","message":"replica dropped","replica":7,"why":"no sign of life"})");
}

TEST_F(LogLine, CarriesTheConstantFieldsOfItsLogOnly) {
  const auto shard_log = log_.with("shard", "eu 1").with("role", "keeper");
  shard_log.info("started", {{"offset", std::uint64_t{70}}});
  EXPECT_EQ(lines_.text, "info  started  offset=70 shard=\"eu 1\" role=keeper");
  log_.info("started");
  EXPECT_EQ(lines_.text, "info  started");
}

TEST_F(LogLine, LeavesOutLevelsThatTheSinkDoesNotTake) {
  log_.debug("seen", {{"bytes", 1}});
  EXPECT_EQ(lines_.text, "");
  EXPECT_FALSE(log_.takes(LogLevel::kDebug));
}

TEST_F(LogLine, PrintsEveryKindOfValue) {
  log_.info("m", {{"b", true},
                  {"d", 0.5},
                  {"min", std::numeric_limits<std::int64_t>::min()},
                  {"max", std::numeric_limits<std::uint64_t>::max()},
                  {"empty", ""}});
  EXPECT_EQ(lines_.text,
            "info  m  b=true d=0.5 min=-9223372036854775808 max=18446744073709551615 empty=\"\"");
}

TEST_F(LogLine, LetsNoHostileTextForgeALineOrBreakJson) {
  const std::string hostile("a\nerror fake\" =\xff\x00", 17);
  log_.with("k", hostile).info("line\nbreak", {{"v", hostile}, {"nan", std::nan("")}});
  EXPECT_EQ(lines_.text.find('\n'), std::string::npos);
  const auto parsed = nlohmann::json::parse(lines_.json, nullptr, false);
  ASSERT_FALSE(parsed.is_discarded()) << lines_.json;
  EXPECT_EQ(lines_.json.find('\n'), std::string::npos);
}

TEST(QuietLog, TakesNothing) {
  EXPECT_FALSE(Log::quiet().with("shard", "a").takes(LogLevel::kError));
  Log::quiet().error("unseen");
}

TEST(OncePer, LetsTheFirstThroughAndThenOnePerInterval) {
  OncePer once{1s};
  EXPECT_EQ(once.due(5s), 0U);
  EXPECT_EQ(once.due(5s), std::nullopt);
  EXPECT_EQ(once.due(5999ms), std::nullopt);
  EXPECT_EQ(once.due(6s), 2U);
  EXPECT_EQ(once.due(7s), 0U);
}

}  // namespace
}  // namespace sluice::base
