// For tests: a real core whose tasks run until they have all ended.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <utility>

#include "rt/cores.h"
#include "rt/gate.h"

namespace sluice::rt {

class CoreTest : public ::testing::Test {
 protected:
  Cores cores{1};
  AsioHost& host = cores.host(0);
  Gate gate{host};

  void run(Task<void> task) {
    gate.spawn(std::move(task));
    watch_.spawn(stop_at_end(gate, cores));
    cores.run();
  }

 private:
  static Task<void> stop_at_end(Gate& tasks, Cores& running) {
    co_await tasks.closed();
    running.stop();
  }
  Gate watch_{host};
};

// An empty folder that goes with its object.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace sluice::rt
