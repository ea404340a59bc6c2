#include "replog/lineage_file.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>

namespace sluice::replog {
namespace {

using repl::Offset;
using repl::Position;
using repl::ReplId;

ReplId replid(char digit) {
  return *ReplId::parse(std::string(ReplId::kLength, digit));
}

// Received up to 200 of a stream that its master ended at 260.
class LineageFileAfterAFailover : public ::testing::Test {
 protected:
  void SetUp() override {
    file_.begin = Offset{100};
    file_.origins = {{replid('a'), Offset{100}}};
    switch_origin(file_, {replid('b'), Offset{200}}, Offset{260});
  }

  LineageFile file_;
};

TEST_F(LineageFileAfterAFailover, ContinuesAReplicaThatHadReceivedMoreThanWeHad) {
  EXPECT_EQ(inherited(file_), (std::vector{Position{replid('a'), Offset{260}}}));
}

TEST_F(LineageFileAfterAFailover, RemembersItInTheFile) {
  const auto read = lineage_from_json(to_json(file_));
  ASSERT_TRUE(read);
  EXPECT_EQ(inherited(*read), inherited(file_));
}

TEST_F(LineageFileAfterAFailover, RemembersItAcrossASecondOneThatItWasBehindOfToo) {
  switch_origin(file_, {replid('c'), Offset{210}}, Offset{300});
  EXPECT_EQ(inherited(file_),
            (std::vector{Position{replid('a'), Offset{260}}, Position{replid('b'), Offset{300}}}));
}

TEST_F(LineageFileAfterAFailover, ForgetsWhatTheSecondStreamDoesNotShare) {
  switch_origin(file_, {replid('c'), Offset{210}}, Offset{230});
  EXPECT_EQ(inherited(file_),
            (std::vector{Position{replid('a'), Offset{230}}, Position{replid('b'), Offset{230}}}));
}

TEST_F(LineageFileAfterAFailover, EndsAtTheSwitchIfNobodySaysHowFarItsPredecessorWent) {
  switch_origin(file_, {replid('c'), Offset{230}});
  EXPECT_EQ(inherited(file_),
            (std::vector{Position{replid('a'), Offset{230}}, Position{replid('b'), Offset{230}}}));
}

TEST_F(LineageFileAfterAFailover, ForgetsAStreamThatItRollsBackBehind) {
  switch_origin(file_, {replid('c'), Offset{150}}, Offset{150});
  EXPECT_EQ(inherited(file_), (std::vector{Position{replid('a'), Offset{150}}}));
}

}  // namespace
}  // namespace sluice::replog
