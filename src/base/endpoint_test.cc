#include "base/endpoint.h"

#include <gtest/gtest.h>

namespace sluice::base {
namespace {

TEST(Endpoint, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:6379"), (Endpoint{"127.0.0.1", 6379}));
  EXPECT_EQ(parse_endpoint("[::1]:0"), (Endpoint{"::1", 0}));
  EXPECT_EQ(parse_endpoint(":65535"), (Endpoint{"", 65535}));
}

TEST(Endpoint, IsRefusedWithoutAValidPort) {
  for (const auto* text : {"", "host", "host:", "host:65536", "host:-1", "host:6379x", "::1:6379",
                           "host:+1", "host: 1"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
}

TEST(Endpoint, ComesBackFromItsText) {
  for (const auto* text : {"127.0.0.1:6379", "[::1]:0", ":80"}) {
    EXPECT_EQ(to_string(*parse_endpoint(text)), text);
  }
}

}  // namespace
}  // namespace sluice::base
