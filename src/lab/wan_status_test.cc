#include "lab/wan_status.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

WanStatus example() {
  WanStatus status{"wan", 42, {}, {}};
  status.sides.push_back({"a", "10.200.0.1", "/proc/7/fd/9", 3});
  WanDirectionStatus way;
  way.from = "a";
  way.to = "b";
  way.conditions.delay = 200ms;
  way.conditions.loss = {0.01};
  way.conditions.queue = base::ByteSize{4096};
  way.cut = 1500ms;
  way.counters.offered = 12;
  way.counters.cut = 5;
  status.directions.push_back(way);
  return status;
}

TEST(WanStatus, ComesBackFromItsLine) {
  const auto line = to_line(Result<WanStatus>(example()));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto back = parse_status(line).value();
  EXPECT_EQ(back.seed, 42U);
  EXPECT_EQ(back.sides.at(0).netns, "/proc/7/fd/9");
  EXPECT_EQ(back.sides.at(0).missed, 3U);
  const auto& way = back.directions.at(0);
  EXPECT_EQ(way.to, "b");
  EXPECT_EQ(way.conditions, example().directions[0].conditions);
  EXPECT_EQ(way.cut, 1500ms);
  EXPECT_EQ(way.counters, example().directions[0].counters);
}

TEST(WanStatus, CarriesWhatWasWrong) {
  const auto line = to_line(Result<WanStatus>(fail(Errc::kRejected, "there is no side 'q'")));
  EXPECT_EQ(parse_status(line).error().detail, "there is no side 'q'");
}

TEST(WanStatus, IsRefusedIfItIsNotOurs) {
  for (const auto* line : {"", "{", "[]", "{}", "7", "{\"name\":1}"}) {
    EXPECT_FALSE(parse_status(line)) << line;
    EXPECT_FALSE(parse_change(line)) << line;
  }
}

TEST(WanStatus, IsShownWithItsConditionsAndWhatBecameOfPackets) {
  const auto text = to_text(example());
  for (const auto* part : {"a > b", "200ms", "1%", "4KiB", "1s", "missed 3 packets"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(WanChange, ComesBackFromItsLine) {
  WanChange change;
  change.directions = {"a", ""};
  change.cut = 30s;
  change.clears = true;
  change.conditions.push_back(
      {.key = "loss", .values = {"1%"}, .kind = base::Assignment::Kind::kWord, .where = "--loss"});
  const auto back = parse_change(to_line(change)).value();
  EXPECT_EQ(back.directions.from, "a");
  EXPECT_EQ(back.cut, 30s);
  EXPECT_TRUE(back.clears);
  EXPECT_FALSE(back.heals);
  EXPECT_EQ(back.conditions.at(0).key, "loss");
  EXPECT_EQ(back.conditions.at(0).values, std::vector<std::string>{"1%"});
}

}  // namespace
}  // namespace sluice::lab
