#include "lab/status.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

TEST(StatusLine, TellsHowFarEachIsBehindTheMaster) {
  WorldStatus status;
  status.elapsed = std::chrono::seconds(12);
  status.stream_bytes_per_second = 310'000;
  status.commands_per_second = 2000;
  status.nodes = {
      {.name = "master", .is_up = true, .offset = 5000, .keys = 1234},
      {.name = "keeper",
       .is_up = true,
       .offset = 5000,
       .keys = 0,
       .link = "up",
       .counts_keys = false},
      {.name = "replica-1", .is_up = true, .offset = 3000, .keys = 1200, .link = "up"},
  };
  EXPECT_EQ(status_line(status),
            "  12s  master @5000 310 KB/s 2000 cmd/s 1 234 keys | keeper -0 B | replica-1 -2.00 KB "
            "1 200 keys");
}

TEST(StatusLine, BeginsWithTheOceanAndTellsHowOldWhatAReplicaHasIs) {
  WorldStatus status;
  status.ocean = "ocean cut for 3 s";
  status.nodes = {{.name = "m"},
                  {.name = "r", .is_up = true, .offset = 0, .keys = 7, .link = "up"}};
  status.nodes[1].lag = std::chrono::milliseconds(310);
  EXPECT_EQ(status_line(status), "   0s  ocean cut for 3 s | m down | r -0 B 310 ms 7 keys");
}

TEST(StatusLine, SaysWhatIsDown) {
  WorldStatus status;
  status.nodes = {{.name = "master"},
                  {.name = "a"},
                  {.name = "b", .is_up = true, .offset = 9, .keys = 0, .link = "down"}};
  EXPECT_EQ(status_line(status), "   0s  master down | a down | b link down");
}

TEST(StatusLine, DoesNotCountAReplicaThatWasAskedLaterAsAhead) {
  WorldStatus status;
  status.nodes = {{.name = "m", .is_up = true, .offset = 5},
                  {.name = "r", .is_up = true, .offset = 7, .keys = 0, .link = "up"}};
  EXPECT_NE(status_line(status).find("r -0 B"), std::string::npos);
}

}  // namespace
}  // namespace sluice::lab
