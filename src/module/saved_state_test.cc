#include "module/saved_state.h"

#include <gtest/gtest.h>

namespace sluice::module {
namespace {

SavedState example() {
  return {.region = std::string("state\0of region", 15),
          .batches = {"first", ""},
          .positions = {{"link", {.replid = "abc", .offset = 123}}},
          .unsent = 1};
}

TEST(SavedStateTest, ComesBackAsItWas) {
  const auto state = decode_saved_state(encode(example()));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->region, example().region);
  EXPECT_EQ(state->batches, example().batches);
  EXPECT_EQ(state->positions.at("link").offset, 123);
  EXPECT_EQ(state->unsent, 1);
}

TEST(SavedStateTest, IsRefusedWhenItEndsEarlyOrIsNewer) {
  const std::string bytes = encode(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_saved_state(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_saved_state("\x04" + bytes.substr(1)));
}

TEST(SavedStateTest, OfTheVersionBeforeHasNothingUnsent) {
  const std::string bytes = encode(example());
  const auto state = decode_saved_state("\x02" + bytes.substr(1, bytes.size() - 9));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->batches, example().batches);
  EXPECT_EQ(state->unsent, 0);
}

TEST(SavedStateTest, IsRefusedWithMoreUnsentThanThereAre) {
  auto state = example();
  state.unsent = 3;
  EXPECT_FALSE(decode_saved_state(encode(state)));
}

TEST(ParseConfig, NamesWhatIsWrong) {
  EXPECT_TRUE(parse_config({"region=eu", "id=16", "allow-flush=yes"}));
  EXPECT_NE(parse_config({"region=eu", "id=17"}).error().detail.find("1 to 16"), std::string::npos);
  EXPECT_NE(parse_config({"id=1"}).error().detail.find("region is missing"), std::string::npos);
  EXPECT_NE(parse_config({"region=eu", "id=x"}).error().detail.find("not a number"),
            std::string::npos);
  for (const auto* const name :
       {"region=e u", "region=eu\r\nid:9", "region=\"eu\"", "region=eu,us"}) {
    ASSERT_FALSE(parse_config({name, "id=1"})) << name;
    EXPECT_NE(parse_config({name, "id=1"}).error().detail.find("letters, digits"),
              std::string::npos);
  }
  const std::string long_name = "region=" + std::string(65, 'x');
  EXPECT_FALSE(parse_config({long_name, "id=1"}));
  EXPECT_TRUE(parse_config({"region=eu-1_a.b:c\xc3\xa4", "id=1"}));
  EXPECT_NE(parse_config({"colour"}).error().detail.find("what is colour"), std::string::npos);
}

}  // namespace
}  // namespace sluice::module
