#include "keeper/snapshot_leases.h"

#include <gtest/gtest.h>

namespace sluice::keeper {
namespace {

using std::chrono::seconds;
using Names = std::vector<std::string>;

rt::Instant at(int time) {
  return rt::Instant{seconds(time)};
}

TEST(SnapshotLeases, EndWhenTheirTimeIsOver) {
  SnapshotLeases leases;
  leases.hold("a", at(10));
  leases.hold("b", at(20));
  EXPECT_EQ(leases.held(at(9)), (Names{"a", "b"}));
  EXPECT_EQ(leases.held(at(10)), Names{"b"});
  EXPECT_EQ(leases.held(at(20)), Names{});
}

TEST(SnapshotLeases, AreRenewedAndNeverShortened) {
  SnapshotLeases leases;
  leases.hold("a", at(10));
  leases.hold("a", at(30));
  leases.hold("a", at(20));
  EXPECT_EQ(leases.held(at(29)), Names{"a"});
  EXPECT_EQ(leases.held(at(30)), Names{});
}

TEST(SnapshotLeases, AreFewWhateverReplicasDo) {
  SnapshotLeases leases;
  for (int i = 0; i < 100; ++i) leases.hold(std::to_string(i), at(1000 + i));
  const auto held = leases.held(at(0));
  EXPECT_EQ(held.size(), SnapshotLeases::kLeasesMax);
  EXPECT_EQ(held.back(), "99");
}

}  // namespace
}  // namespace sluice::keeper
