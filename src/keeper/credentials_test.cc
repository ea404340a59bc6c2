#include "keeper/credentials.h"

#include <gtest/gtest.h>

namespace sluice::keeper {
namespace {

TEST(Credentials, AdmitTheirUsersWithTheirPasswordsAlone) {
  const Credentials credentials{.requirepass = "secret", .users = {{"replica", "r"}, {"ops", "o"}}};
  EXPECT_TRUE(credentials.admits("default", "secret"));
  EXPECT_TRUE(credentials.admits("replica", "r"));
  EXPECT_FALSE(credentials.admits("replica", "o"));
  EXPECT_FALSE(credentials.admits("ops", "secret"));
  EXPECT_FALSE(credentials.admits("default", "r"));
  EXPECT_FALSE(credentials.admits("nobody", "secret"));
}

TEST(Credentials, TellPrefixesAndRepetitionsFromThePassword) {
  const Credentials credentials{.requirepass = "secret", .users = {}};
  for (const auto* wrong : {"", "s", "secre", "secrets", "secretsecret", "secreT"}) {
    EXPECT_FALSE(credentials.admits("default", wrong)) << wrong;
  }
}

TEST(Credentials, AreOpenToTheDefaultUserAloneWithoutAPassword) {
  const Credentials credentials{.requirepass = "", .users = {{"nobody", ""}}};
  EXPECT_TRUE(credentials.admits("default", "anything"));
  EXPECT_TRUE(credentials.admits("default", ""));
  EXPECT_FALSE(credentials.admits("nobody", ""));
}

}  // namespace
}  // namespace sluice::keeper
