#include "relay/ip_address.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

TEST(IpAddress, ReadsBothFamiliesAndTakesMappedOnesForIpv4) {
  EXPECT_EQ(IpAddress::parse("10.1.2.3"), IpAddress::parse("::ffff:10.1.2.3"));
  EXPECT_EQ(IpAddress::parse("2001:db8::1"), IpAddress::parse("2001:0db8:0:0:0:0:0:1"));
  EXPECT_TRUE(IpAddress::parse("127.9.9.9")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_unspecified());
}

TEST(IpAddress, RefusesWhatSomeResolversWouldTake) {
  for (const auto* text :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "010.0.0.1", "0x7f.0.0.1", "2130706433", "1.2.3.-4",
        ":", ":::", "1::2::3", "12345::", "fe80::1%eth0", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:", "::1.2.3", "1.2.3.4::", "localhost"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpRange, ContainsItsAddressesAndNoneBesideThem) {
  const auto range = *IpRange::parse("10.16.0.0/12");
  EXPECT_TRUE(range.contains(*IpAddress::parse("10.16.0.0")));
  EXPECT_TRUE(range.contains(*IpAddress::parse("10.31.255.255")));
  EXPECT_FALSE(range.contains(*IpAddress::parse("10.32.0.0")));
  EXPECT_FALSE(range.contains(*IpAddress::parse("10.15.255.255")));
  EXPECT_TRUE(IpRange::parse("0.0.0.0/0")->contains(*IpAddress::parse("8.8.8.8")));
  EXPECT_FALSE(IpRange::parse("0.0.0.0/0")->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_TRUE(IpRange::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:7fff::")));
  EXPECT_FALSE(IpRange::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:8000::")));
}

TEST(IpRange, RefusesSlips) {
  for (const auto* text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "host/8",
                           "2001:db8::/129", "10.0.0.0/8/8"}) {
    EXPECT_FALSE(IpRange::parse(text)) << text;
  }
}

}  // namespace
}  // namespace sluice::relay
