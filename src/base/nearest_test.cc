#include "base/nearest.h"

#include <gtest/gtest.h>
#include <string>

namespace sluice::base {
namespace {

constexpr std::string_view kWords[] = {"keeper", "log", "lab", "retention_bytes", "retention_age"};

TEST(Nearest, FindsTheWordBehindATypingError) {
  EXPECT_EQ(nearest("keper", kWords), "keeper");
  EXPECT_EQ(nearest("keeperr", kWords), "keeper");
  EXPECT_EQ(nearest("kepeer", kWords), "keeper");
  EXPECT_EQ(nearest("lob", kWords), "log");
  EXPECT_EQ(nearest("retention_byte", kWords), "retention_bytes");
}

TEST(Nearest, IsSilentWhenNothingIsClose) {
  EXPECT_EQ(nearest("gateway", kWords), "");
  EXPECT_EQ(nearest("", kWords), "");
  EXPECT_EQ(nearest(std::string(100'000, 'k'), kWords), "");
}

}  // namespace
}  // namespace sluice::base
