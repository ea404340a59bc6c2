// One simulated world: a keeper, masters that fail over, replicas, and a plan of faults by its seed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keeper/shard.h"
#include "keeper/sim_master_test.h"
#include "keeper/sim_replica_test.h"
#include "sim/network.h"
#include "sim/world.h"

namespace sluice::keeper {

using Tally = std::map<std::string, std::uint64_t>;

inline constexpr std::array kFaults{
    "cut",       "one-way cut", "reset",     "slow link",     "process crash",
    "power cut", "mid-write",   "disk full", "disk error",    "slow disk",
    "failover",  "rollback",    "zombie",    "other dataset", "repointed",
    "full in",   "partial in",  "full out",  "partial out",   "snapshot refreshed"};

// What this world may meet; drawn first, so that the oracle knows what to demand.
struct Weather {
  replog::Fsync fsync = replog::Fsync::kEverySec;
  bool has_rollbacks = false;  // a promoted master may lack bytes that the keeper has
  bool has_other_datasets = false;
  bool has_disk_errors = false;
  bool has_disk_full = false;
  bool has_power_cuts = false;
  bool is_backlog_short = false;
  bool is_retention_short = false;
  bool has_refreshes = false;

  // Nobody who holds a position may be told to start over.
  bool is_gapless() const {
    const bool is_lost = fsync == replog::Fsync::kOs && has_power_cuts;
    return !has_rollbacks && !has_other_datasets && !has_disk_errors && !is_backlog_short &&
           !is_retention_short && !is_lost;
  }
};

class SimWorld {
 public:
  SimWorld(std::uint64_t seed, bool is_loud);
  ~SimWorld();

  // Faults, then none, then all must be at the master's end. What was wrong, if anything.
  std::optional<std::string> play();
  void count(Tally& tally) const;
  std::uint64_t trace() const { return world_.trace(); }

 private:
  // A run of the keeper's process, from its boot until nothing of it runs.
  struct Boot {
    base::Metrics metrics;
    std::unique_ptr<Shard> shard;
    bool is_done = false;
  };
  class Sink;

  static rt::Task<void> run_shard(Boot& boot);
  rt::Task<void> repoint_loop(rt::Gate& gate);

  void draw_weather();
  ShardConfig keeper_config();
  void boot_keeper();
  void end_keeper(sim::Crash how);
  void bury();
  void run(rt::Duration time);
  void note(const std::string& fault);
  void lose(sim::Crash how);

  void strike();
  void strike_network();
  void strike_keeper();
  void strike_disk();
  void strike_master();
  void fail_over(bool leaves_zombie);
  void heal();
  bool has_converged() const;
  std::string describe() const;
  void end_all();

  sim::Random& random() { return world_.random(); }
  rt::Duration some(rt::Duration least, rt::Duration most);

  sim::World world_;
  Truth truth_;
  Weather weather_;
  std::unique_ptr<Sink> sink_;
  sim::Machine& keeper_;
  std::vector<std::unique_ptr<Boot>> boots_;  // the last one may be running
  std::optional<rt::Instant> boot_at_;        // set while the keeper is down
  std::optional<sim::Crash> crashed_;         // by the disk, in the midst of its work
  bool has_disk_failed_ = false;
  std::vector<std::unique_ptr<ModelMaster>> masters_;  // the last one is the master
  std::vector<std::unique_ptr<ModelReplica>> replicas_;
  std::unique_ptr<rt::Gate> admin_;
  std::string pointed_to_;  // the master that the keeper was last told to follow
  std::multimap<rt::Instant, std::function<void()>> mends_;
  Tally tally_;
};

}  // namespace sluice::keeper
