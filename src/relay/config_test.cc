#include <gtest/gtest.h>

#include "relay/config_load.h"

namespace sluice::relay {
namespace {

Result<Invocation> read(std::vector<std::string> arguments, const std::string& file = "") {
  return read_invocation(arguments, [&](const std::string&) { return Result<std::string>(file); });
}

std::string refusal(std::vector<std::string> arguments, const std::string& file = "") {
  const auto read_so_far = read(std::move(arguments), file);
  return read_so_far ? "" : read_so_far.error().detail;
}

TEST(RelayConfig, TakesRulesFromRepeatedFlags) {
  const auto invocation = read({"--listen", "h:1", "--allow", "a:2", "--allow", "10.0.0.0/8"});
  ASSERT_TRUE(invocation) << invocation.error().detail;
  EXPECT_EQ(invocation->config.settings.allow, (std::vector<std::string>{"a:2", "10.0.0.0/8"}));
}

TEST(RelayConfig, NeedsALittleToListenOnAndCertificatesForTls) {
  EXPECT_NE(refusal({"--allow", "a"}).find("listen is missing"), std::string::npos);
  EXPECT_NE(refusal({"--tls-listen", "h:1"}).find("tls_listen needs"), std::string::npos);
  EXPECT_NE(refusal({"--listen", "h:1", "--tls-cert", "f"}).find("go together"), std::string::npos);
}

TEST(RelayConfig, RefusesAClientThatWouldBeEverybody) {
  const std::string file = "listen = \"h:1\"\n[[client]]\nname = \"x\"\nallow = [\"a\"]\n";
  EXPECT_NE(refusal({"--config", "f"}, file).find("would be everybody"), std::string::npos);
}

TEST(RelayConfig, ReadsClientsOfTheFile) {
  const std::string file =
      "listen = \"h:1\"\n[[client]]\nname = \"x\"\nfrom = [\"10.0.0.0/8\"]\nallow = [\"a:1\"]\n";
  const auto invocation = read({"--config", "f"}, file);
  ASSERT_TRUE(invocation) << invocation.error().detail;
  const auto list = *allow_list_of(invocation->config);
  const Destination a{{"a", 1}, std::nullopt};
  EXPECT_TRUE(list.allows({{}, IpAddress::parse("10.1.1.1")}, a));
  EXPECT_FALSE(list.allows({{}, IpAddress::parse("11.1.1.1")}, a));
}

TEST(RelayConfig, NamesTheRuleThatIsNone) {
  EXPECT_NE(refusal({"--listen", "h:1", "--allow", "10.0.0.1/8"}).find("'10.0.0.1/8'"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::relay
