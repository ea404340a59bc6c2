// What the tests of one log share: an archive with one lineage from offset 1000 on.
#pragma once

#include <gtest/gtest.h>

#include "replog/archive_world_test.h"

namespace sluice::replog {

inline const repl::Position kStart{replid('a'), repl::Offset{1000}};

class LogSim : public ::testing::Test {
 protected:
  void open(LogOptions options = {}) {
    keeper.options = options;
    ASSERT_TRUE(keeper.open_with_snapshot(kStart, "snapshot"));
  }
  void reopen() {
    keeper.stop();
    const auto opened = keeper.open();
    ASSERT_TRUE(opened) << opened.error().detail;
  }
  Log& log() { return keeper.log(); }
  sim::Disk& disk() { return keeper.machine().disk(); }

  void append(std::string_view bytes) {
    const auto appended = keeper.run(log().append(bytes));
    ASSERT_TRUE(appended) << appended.error().detail;
    stream += bytes;
  }
  void append_in_parts(std::string_view bytes, std::size_t part) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(part, bytes.size()))) {
      append(bytes.substr(0, part));
    }
  }
  std::string all() { return keeper.read(kStart.offset, log().end()); }

  ArchiveWorld keeper{1};
  std::string stream;
};

}  // namespace sluice::replog
