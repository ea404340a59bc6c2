#include "geo/status.h"

#include <gtest/gtest.h>

namespace sluice::geo {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Seat seat(crdt::RegionId region, const std::string& info) {
  Seat seat;
  seat.address = "10.0.0." + std::to_string(region) + ":6379";
  seat.region = region;
  seat.name = "r" + std::to_string(region);
  seat.info = redis::Info::parse(info);
  return seat;
}

constexpr const char* kWell =
    "peers:2\npeer_2:heard_ms_ago=120,unpromised_ops=9,unpromised_ms=90\ndetached:\nmust_rejoin:"
    "no\n"
    "merging:no\nunstable_keys:9\nunstable_bytes:900\nunstable_bytes_max:1000000\nretained_bytes:"
    "0\n";

TEST(Status, RaisesNoAlertWhileAllIsWell) {
  EXPECT_TRUE(alerts_of({seat(1, kWell)}).empty());
}

TEST(Status, SaysThatAReplicaWasNamed) {
  const auto alerts = alerts_of({seat(1, std::string(kWell) + "role:replica\n")});
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0], "10.0.0.1:6379 is a replica of region r1: name its master");
}

TEST(Status, TellsOfAnIdlePeerNothing) {
  const auto one =
      seat(1, "peers:2\npeer_2:heard_ms_ago=3600000,unpromised_ops=0,unpromised_ms=0\n");
  EXPECT_TRUE(alerts_of({one}).empty());
}

TEST(Status, NamesWhoIsNotHeardAndWhatIsKeptForHim) {
  const auto one =
      seat(1, "peers:2\npeer_2:heard_ms_ago=60000,unpromised_ops=1234,unpromised_ms=59000\n");
  const auto alerts = alerts_of({one});
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0],
            "r1 has not heard region 2 for 60 s, and keeps 1 234 ops for it, the oldest 59 s old");
  EXPECT_TRUE(alerts_of({one, seat(2, kWell)}).empty());  // it says itself that it lacks nothing
}

TEST(Status, NamesWhoIsBehindForLong) {
  auto one = seat(2, kWell);
  one.lacks = {{1, {.ops = 12, .ms = 9'999}}, {3, {.ops = 0, .ms = std::nullopt}}};
  EXPECT_TRUE(alerts_of({one}).empty());
  one.lacks[1].ms = 10'000;
  ASSERT_EQ(alerts_of({one}).size(), 1U);
  EXPECT_EQ(alerts_of({one})[0], "r2 lacks 12 ops of region 1, the oldest 10 s old");
}

TEST(Status, NamesWhoWasToldToLeaveOnceWithAllWhoSaySo) {
  const auto alerts = alerts_of({seat(1, "detached:3\n"), seat(2, "detached:3\n")});
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_TRUE(has(alerts[0], "region 3 was told to leave, by r1 and r2")) << alerts[0];
}

TEST(Status, PutsAMasterThatDoesNotAnswerFirst) {
  Seat gone;
  gone.address = "10.0.0.3:6379";
  gone.why = "10.0.0.3:6379: connection refused";
  const auto seats = std::vector<Seat>{seat(1, "must_rejoin:yes\n"), gone};
  const auto alerts = alerts_of(seats);
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(alerts[0], "no answer from 10.0.0.3:6379: connection refused");
  EXPECT_TRUE(has(alerts[1], "r1 must rejoin")) << alerts[1];
  EXPECT_TRUE(has(status_text(seats), "no answer"));
}

TEST(Status, WarnsAtHalfOfTheLimitOfMetadata) {
  const auto below = seat(1, "unstable_bytes:500000\nunstable_bytes_max:1000000\n");
  const auto above = seat(1, "unstable_bytes:500001\nunstable_bytes_max:1000000\n");
  EXPECT_TRUE(alerts_of({below}).empty());
  ASSERT_EQ(alerts_of({above}).size(), 1U);
  EXPECT_TRUE(has(alerts_of({above})[0], "r1 keeps 500 KB of metadata"));
}

TEST(Status, ShowsWhatARegionLacksInOpsAndTime) {
  auto one = seat(1, kWell);
  one.lacks = {{1, {}}, {2, {.ops = 12, .ms = 345}}, {3, {.ops = 7, .ms = std::nullopt}}};
  const auto text = status_text({one, seat(2, kWell)});
  EXPECT_TRUE(has(text, "lacks of r2")) << text;
  EXPECT_TRUE(has(text, "lacks of region 3")) << text;
  EXPECT_TRUE(has(text, "12 (345 ms)")) << text;
  EXPECT_TRUE(has(text, "  7  ")) << text;
}

}  // namespace
}  // namespace sluice::geo
