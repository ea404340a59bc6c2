// A keeper of a simulated world, over all the boots of its machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keeper/shard.h"
#include "keeper/sim_node_test.h"

namespace sluice::keeper {

struct SimKeeperOptions {
  std::function<ShardConfig()> config;  // for each boot, which may differ
  std::function<void()> forgets;        // what it acknowledged was never promised to survive this
};

class SimKeeper final : public SimNode {
 public:
  SimKeeper(sim::World& world, const SimNotes& notes, std::string_view name,
            SimKeeperOptions options);

  // Null while it is down.
  const Shard* shard() const;

  // After an error of the disk only a loss of power makes the kernel forget what it failed to save.
  void fail_disk(sim::DiskOp op, std::uint64_t nth);
  bool has_disk_failed() const { return has_disk_failed_; }

  // Of all its processes that have ended.
  std::uint64_t snapshots_resumed() const { return snapshots_resumed_; }
  std::uint64_t snapshots_preferred() const { return snapshots_preferred_; }

  bool is_done() const override;
  std::string describe() const;

 private:
  // A process, from its boot until nothing of it runs.
  struct Run {
    base::Metrics metrics;
    std::unique_ptr<Shard> shard;
    bool is_done = false;
  };

  Result<> start(sim::Host& host) override;
  void stop() override;
  void lose(sim::Crash how) override;
  void mend_disk();
  void check_promise(const Shard& shard);
  static rt::Task<void> run_shard(Run& run);

  SimKeeperOptions options_;
  std::unique_ptr<SimNodeLog> sink_;
  std::vector<std::unique_ptr<Run>> runs_;  // the last one may be running
  bool is_running_ = false;
  bool has_disk_failed_ = false;
  std::uint64_t snapshots_resumed_ = 0;
  std::uint64_t snapshots_preferred_ = 0;
  replog::Fsync fsync_ = replog::Fsync::kAlways;
  std::optional<repl::Position> promised_;  // durable when the last process ended
};

}  // namespace sluice::keeper
