#include "module/link_positions.h"

#include <gtest/gtest.h>
#include <string>

namespace sluice::module {
namespace {

const std::string kReplid(40, 'a');

TEST(LinkPositions, TakeOnlyWhatALinkCanReadAgain) {
  ASSERT_TRUE(parse_position("us", kReplid, "0"));
  EXPECT_EQ(parse_position("us", kReplid, "17")->offset, 17);
  EXPECT_EQ(parse_position("us", std::string(40, 'A'), "1")->replid, kReplid);
  for (const auto* const offset : {"", "-1", "1x", "x", " 1", "99999999999999999999"})
    EXPECT_FALSE(parse_position("us", kReplid, offset)) << offset;
  for (const auto& replid :
       {std::string(), std::string("abc"), kReplid + "a", kReplid.substr(1) + "g"})
    EXPECT_FALSE(parse_position("us", replid, "1")) << replid;
  EXPECT_FALSE(parse_position("", kReplid, "1"));
  EXPECT_TRUE(parse_position(std::string(300, 'x'), kReplid, "1"));
  EXPECT_FALSE(parse_position(std::string(301, 'x'), kReplid, "1"));
}

TEST(LinkPositions, DropTheOneThatWasNotSetForLongest) {
  LinkPositions positions;
  for (std::size_t i = 0; i < LinkPositions::kMax; ++i)
    positions.set("link" + std::to_string(i), {kReplid, 1});
  positions.set("link0", {kReplid, 2});
  EXPECT_EQ(positions.all().size(), LinkPositions::kMax);
  positions.set("another", {kReplid, 3});
  EXPECT_EQ(positions.all().size(), LinkPositions::kMax);
  EXPECT_FALSE(positions.all().contains("link1"));
  EXPECT_EQ(positions.all().at("link0").offset, 2);
}

TEST(LinkPositions, DropLoadedOnesBeforeThoseThatWereSetSince) {
  LinkPositions::Map saved;
  for (std::size_t i = 0; i < LinkPositions::kMax + 3; ++i)
    saved[std::to_string(100 + i)] = {kReplid, 1};
  LinkPositions positions;
  positions.set("before", {kReplid, 1});
  positions.replace(saved);
  EXPECT_EQ(positions.all().size(), LinkPositions::kMax);
  EXPECT_FALSE(positions.all().contains("before"));
  positions.set("103", {kReplid, 2});  // the first of those that stayed
  positions.set("another", {kReplid, 3});
  EXPECT_TRUE(positions.all().contains("103"));
  EXPECT_FALSE(positions.all().contains("104"));
}

}  // namespace
}  // namespace sluice::module
