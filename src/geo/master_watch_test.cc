#include "geo/master_watch.h"

#include <gtest/gtest.h>

#include "sim/machine.h"
#include "sim/world.h"

namespace sluice::geo {
namespace {

bool has(std::string_view text, std::string_view line) {
  return text.find(std::string(line) + "\n") != std::string_view::npos;
}

class WhatAMasterSays : public testing::Test {
 protected:
  std::string shown(const std::string& info) {
    watch_.show(redis::Info::parse(info));
    return metrics_.text();
  }

  sim::World world_{1};
  base::Metrics metrics_;
  MasterWatch watch_{world_.machine("link").boot(), {}, {}, metrics_, base::Log::quiet()};
};

TEST_F(WhatAMasterSays, IsShownWithConflictsByKindAndTheShareOfTheFastPath) {
  const auto text = shown(
      "unstable_keys:12\nunstable_bytes:1200\nconflicts_lww:3\nconflicts_type:1\nconflicts_remove:"
      "0\n"
      "remote_ops:200\nfast_ops:150\nmust_rejoin:no\ndetached:\n");
  EXPECT_TRUE(has(text, "sluice_geo_unstable_keys 12")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_unstable_bytes 1200")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_conflicts{kind=\"lww\"} 3")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_conflicts{kind=\"type\"} 1")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_fast_share 0.75")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_detached_regions 0")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_master_up 1")) << text;
}

TEST_F(WhatAMasterSays, NamesPeersAndThoseWhoHaveLeft) {
  const auto text = shown(
      "peers:2,4\npeer_2:heard_ms_ago=1500,unpromised_ops=7,unpromised_ms=250\ndetached:3,5\n"
      "must_rejoin:yes\n");
  EXPECT_TRUE(has(text, "sluice_geo_peer_lacks_ops{peer=\"2\"} 7")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_peer_lacks_seconds{peer=\"2\"} 0.25")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_peer_silent_seconds{peer=\"2\"} 1.5")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_peer_lacks_ops{peer=\"4\"} 0")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_detached_regions 2")) << text;
  EXPECT_TRUE(has(text, "sluice_geo_must_rejoin 1")) << text;
}

}  // namespace
}  // namespace sluice::geo
