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

TEST(Workload, GivesEachValueDigitsOfItsOwnIfAsked) {
  Workload workload({.keys = 10, .value_bytes = 100, .seed = 1, .has_random_values = true});
  std::set<std::string> ends;
  std::size_t values = 0;
  for (int i = 0; i < 200; ++i) {
    for (const auto& words : workload.next()) {
      if (words[0] != "SET" || words[1].starts_with("token:")) continue;
      ++values;
      EXPECT_EQ(words[2].size(), 100U);
      ends.insert(words[2].substr(words[2].size() - 32));
    }
  }
  EXPECT_EQ(ends.size(), values);
}

}  // namespace
}  // namespace sluice::lab
