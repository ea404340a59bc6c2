#include "replog/rfc3339.h"

#include <gtest/gtest.h>

namespace sluice::replog {
namespace {

TEST(Rfc3339, ReadsBackWhatItWrites) {
  for (const std::int64_t ms : {0LL, 1LL, 999LL, 1'700'000'000'123LL, 4'102'444'799'999LL}) {
    EXPECT_EQ(parse_rfc3339(to_rfc3339(ms)).value_or(-1), ms) << to_rfc3339(ms);
  }
  EXPECT_EQ(to_rfc3339(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
}

TEST(Rfc3339, TakesZonesAndFractionsOfAnyLength) {
  const auto utc = *parse_rfc3339("2023-11-14T22:13:20Z");
  EXPECT_EQ(parse_rfc3339("2023-11-15T00:13:20+02:00").value_or(0), utc);
  EXPECT_EQ(parse_rfc3339("2023-11-14 21:13:20.5-01:00").value_or(0), utc + 500);
  EXPECT_EQ(parse_rfc3339("2023-11-14t22:13:20.1239z").value_or(0), utc + 123);
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const auto* text :
       {"", "2023", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z",
        "2023-02-30T22:13:20Z", "2023-11-14T24:00:00Z", "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20Zx", "2023-11-14T22:13:-1Z", "12345", "2023-11-14T22:13:20+2:00"}) {
    const auto parsed = parse_rfc3339(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::kRejected);
  }
}

}  // namespace
}  // namespace sluice::replog
