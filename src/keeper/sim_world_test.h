// One simulated world: keepers in a chain, masters that fail over, replicas, and a plan of faults by
// its seed.
//
//   master (the last of several) --> keeper --> r1, r2...
//                                      `------> keeper2 --> r3       (in some worlds)
//
// With relays (tests/sim) the second keeper always is there and follows the first over them:
//   keeper <-- far1, far2 <== ocean == near1, near2 <-- keeper2
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "keeper/sim_keeper_test.h"
#include "keeper/sim_master_test.h"
#include "keeper/sim_replica_test.h"
#include "sim/network.h"
#include "sim/world.h"

namespace sluice::keeper {

inline constexpr std::uint64_t kPlenty = 1ULL << 40;

// What a long run has to have met: a fault that never fired has tested nothing.
inline constexpr std::array kFaults{
    // of the network
    "cut", "one-way cut", "reset", "slow link",
    // of a keeper and its disk
    "process crash", "power cut", "mid-write crash", "mid-write power cut", "disk full",
    "disk error", "slow disk",
    // of the master
    "failover", "rollback", "long rollback", "zombie", "other dataset", "emptied", "data came back",
    "cycle", "self-replication", "repointed",
    // of replicas
    "replica restarted", "replica emptied",
    // and what has to come of all that
    "quarantined", "accepted", "rejected", "full in", "partial in", "full out", "partial out",
    "chained full out", "chained partial out", "snapshot refreshed"};

// What this world may meet; drawn first, so that the oracle knows what to demand.
struct Weather {
  replog::Fsync fsync = replog::Fsync::kEverySec;
  bool has_chain = false;      // a second keeper behind the first
  bool has_rollbacks = false;  // a promoted master may lack bytes that the keeper has
  bool has_other_datasets = false;
  bool has_empty_masters = false;
  bool has_cycles = false;
  bool has_disk_errors = false;
  bool has_disk_full = false;
  bool has_power_cuts = false;
  bool is_backlog_short = false;
  bool is_retention_short = false;
  bool has_refreshes = false;
  bool weighs_catch_up = false;  // the second keeper may prefer a snapshot to a replay

  // Nobody who holds a position may be told to start over.
  bool is_gapless() const {
    const bool is_lost = fsync == replog::Fsync::kOs && has_power_cuts;
    return !has_rollbacks && !has_other_datasets && !has_empty_masters && !has_disk_errors &&
           !is_backlog_short && !is_retention_short && !is_lost;
  }
};

// Makes a relay of that name that listens on kRelayPort and may connect to those machines. A
// function, since a keeper's tests know no relays.
using MakeRelay = std::function<std::unique_ptr<SimNode>(
    sim::World& world, const SimNotes& notes, std::string_view name, std::vector<std::string> to)>;

inline constexpr std::uint16_t kRelayPort = 7001;

struct SimWorldOptions {
  bool is_loud = false;
  MakeRelay make_relay{};
};

class SimWorld {
 public:
  SimWorld(std::uint64_t seed, SimWorldOptions options);

  // Faults, then none, then all must be at the master's end. What was wrong, if anything.
  std::optional<std::string> play();
  void count(Tally& tally) const;
  std::uint64_t trace() const { return world_.trace(); }

 private:
  rt::Task<void> administer(rt::Gate& gate);
  rt::Task<void> repoint();
  rt::Task<void> answer_quarantine(SimKeeper& keeper);
  rt::Task<bool> ask(const SimKeeper& keeper, std::string wire);

  void draw_weather();
  void populate();
  void add_relays();
  std::vector<std::string> add_relays(std::string_view shore, std::vector<std::string> to);
  sim::Link ocean_link();
  std::string route() const;
  SimKeeper& add_keeper(std::string_view name);
  ShardConfig keeper_config(std::string_view name);
  base::Endpoint first_upstream();
  ModelMaster& add_master(Line& line, std::optional<repl::Position> inherited);
  void run(rt::Duration time);
  void note(const std::string& what);
  void mend_within(rt::Duration most, std::function<void()> mend);

  void strike();
  void strike_network();
  void strike_keeper();
  void strike_disk();
  void strike_master();
  void strike_replica();
  void strike_relay();
  void fail_over(ModelMaster& from);
  void bring_other_dataset(std::uint64_t keys);
  void make_cycle();
  std::pair<std::string, std::string> some_link();
  std::vector<std::pair<std::string, std::string>> chain_links() const;
  SimKeeper& some_keeper();
  void heal();
  bool has_converged() const;
  std::string describe() const;
  void end_all();

  ModelMaster& master() { return *masters_.back(); }
  const ModelMaster& master() const { return *masters_.back(); }
  sim::Random& random() { return world_.random(); }
  rt::Duration some(rt::Duration least, rt::Duration most);

  const SimWorldOptions options_;
  sim::World world_;
  Truth truth_;
  SimNotes notes_;
  Tally tally_;
  Weather weather_;
  std::vector<std::unique_ptr<SimKeeper>> keepers_;  // each follows the one before it
  std::vector<std::unique_ptr<SimNode>> relays_;
  std::vector<std::string> near_relays_;               // on the second keeper's shore
  std::vector<std::string> far_relays_;                // on the first one's
  std::vector<SimNode*> nodes_;                        // all that boots and crashes
  std::vector<std::unique_ptr<ModelMaster>> masters_;  // the last one is the master
  std::vector<std::unique_ptr<ModelReplica>> replicas_;
  std::unique_ptr<rt::Gate> admin_;
  std::map<std::string, bool, std::less<>> was_quarantined_;
  bool is_healing_ = false;
  bool is_accepting_ = false;  // an operator's word is on its way
  std::multimap<rt::Instant, std::function<void()>> mends_;
};

}  // namespace sluice::keeper
