#include "lab/workload.h"

#include <gtest/gtest.h>
#include <set>

namespace sluice::lab {
namespace {

TEST(Workload, RepeatsItselfFromOneSeed) {
  Workload one({.keys = 100, .value_bytes = 10, .seed = 7});
  Workload two({.keys = 100, .value_bytes = 10, .seed = 7});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(one.next(), two.next());
}

TEST(Workload, MixesCommandsOverItsKeySpace) {
  Workload workload({.keys = 10, .value_bytes = 32, .seed = 1});
  std::set<std::string> commands;
  std::set<std::string> plain_keys;
  for (int i = 0; i < 1000; ++i) {
    for (const auto& words : workload.next()) {
      commands.insert(words[0]);
      if (words[0] == "SET" && words.size() == 3) {
        plain_keys.insert(words[1]);
        EXPECT_EQ(words[2].size(), 32U);
      }
    }
  }
  EXPECT_GE(commands.size(), 9U);
  EXPECT_EQ(plain_keys.size(), 10U);
}

}  // namespace
}  // namespace sluice::lab
