#include "lab/mesh_status.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

TEST(MeshStatus, TellsWritesASecondFromTheSecondLookOn) {
  MeshRates rates;
  std::vector<RegionFigures> regions{{.name = "eu", .is_up = true, .local_ops = 100},
                                     {.name = "us"}};
  EXPECT_EQ(rates.line(regions, 0s, 10s),
            "0s | eu lacks 0 ops, 0 keys unstable, 0 conflicts | us down");
  regions[0].local_ops = 1100;
  regions[0].lacks = 7;
  regions[0].is_cut = true;
  EXPECT_EQ(rates.line(regions, 2s, 12s),
            "2s | eu 500 writes/s lacks 7 ops, 0 keys unstable, 0 conflicts, cut off | us down");
}

// A master that was started again begins to count anew.
TEST(MeshStatus, TellsNoRateAcrossARestart) {
  MeshRates rates;
  std::vector<RegionFigures> regions{{.name = "eu", .is_up = true, .local_ops = 100}};
  (void)rates.line(regions, 0s, 10s);
  regions[0].local_ops = 5;
  EXPECT_EQ(rates.line(regions, 1s, 11s), "1s | eu lacks 0 ops, 0 keys unstable, 0 conflicts");
}

}  // namespace
}  // namespace sluice::lab
