#include "geo/region_state.h"

#include <gtest/gtest.h>

#include "resp/reply_reader.h"
#include "resp/writer.h"

namespace sluice::geo {
namespace {

const std::string kReplid(40, 'a');

resp::Reply reply_of(std::string_view wire) {
  resp::ReplyReader reader;
  reader.feed(wire);
  return *std::move(*reader.next());
}

void append_position(std::string& out, std::string_view source, std::string_view replid,
                     std::int64_t offset) {
  resp::append_array(out, 3);
  resp::append_bulk(out, source);
  resp::append_bulk(out, replid);
  resp::append_integer(out, offset);
}

TEST(RegionState, PassesOverPositionsThatCannotBeRead) {
  std::string wire;
  resp::append_array(wire, 3);
  resp::append_array(wire, 3);
  resp::append_bulk(wire, "eu");
  resp::append_integer(wire, 1);
  resp::append_integer(wire, 7);
  resp::append_array(wire, 0);
  resp::append_array(wire, 3);
  append_position(wire, "odd", "abc", 1);
  append_position(wire, "us", kReplid, 17);
  append_position(wire, "odder", kReplid, -1);
  const auto state = parse_region_state(reply_of(wire));
  ASSERT_TRUE(state) << state.error().detail;
  ASSERT_EQ(state->positions.size(), 1U);
  EXPECT_EQ(state->position_of("us")->offset.bytes(), 17U);
  EXPECT_FALSE(state->position_of("odd"));
}

TEST(RegionState, SaysWhatIsMissingWhereThereIsNoModule) {
  const auto state =
      parse_region_state(reply_of("-ERR unknown command 'GEO.VECTOR', with args\r\n"));
  ASSERT_FALSE(state);
  EXPECT_NE(state.error().detail.find("load sluice-geo.so"), std::string::npos);
  const auto denied = parse_region_state(reply_of("-NOAUTH Authentication required.\r\n"));
  EXPECT_EQ(denied.error().detail, "GEO.VECTOR: NOAUTH Authentication required.");
}

TEST(RegionState, IsAskedForAgainSoonWhileTheServerLoads) {
  const auto state =
      parse_region_state(reply_of("-LOADING Redis is loading the dataset in memory\r\n"));
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::kBusy);
}

}  // namespace
}  // namespace sluice::geo
