#include "module/saved_state.h"

#include <gtest/gtest.h>

namespace sluice::module {
namespace {

SavedState example() {
  return {.region = std::string("state\0of region", 15),
          .batches = {"first", ""},
          .positions = {{"link", {.replid = "abc", .offset = 123}}}};
}

TEST(SavedStateTest, ComesBackAsItWas) {
  const auto state = decode_saved_state(encode(example()));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->region, example().region);
  EXPECT_EQ(state->batches, example().batches);
  EXPECT_EQ(state->positions.at("link").offset, 123);
}

TEST(SavedStateTest, IsRefusedWhenItEndsEarlyOrIsNewer) {
  const std::string bytes = encode(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_saved_state(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_saved_state("\x03" + bytes.substr(1)));
}

TEST(ParseConfig, NamesWhatIsWrong) {
  EXPECT_TRUE(parse_config({"region=eu", "id=16", "allow-flush=yes"}));
  EXPECT_NE(parse_config({"region=eu", "id=17"}).error().detail.find("1 to 16"), std::string::npos);
  EXPECT_NE(parse_config({"id=1"}).error().detail.find("region is missing"), std::string::npos);
  EXPECT_NE(parse_config({"region=eu", "id=x"}).error().detail.find("not a number"),
            std::string::npos);
  EXPECT_NE(parse_config({"colour"}).error().detail.find("what is colour"), std::string::npos);
}

}  // namespace
}  // namespace sluice::module
