// What befalls a simulated world, and how it is mended.
#include <algorithm>
#include <utility>

#include "keeper/sim_world_test.h"

namespace sluice::keeper {

using std::chrono::milliseconds;
using std::chrono::seconds;

void SimWorld::strike() {
  switch (random().below(10)) {
    case 0:
    case 1:
    case 2:
      return strike_network();
    case 3:
    case 4:
    case 5:
      return strike_keeper();
    case 6:
    case 7:
      return strike_disk();
    default:
      return strike_master();
  }
}

void SimWorld::strike_network() {
  const auto other = random().one_in(2)
                         ? masters_.back()->name()
                         : "r" + std::to_string(random().between(1, replicas_.size()));
  auto& network = world_.network();
  std::function<void()> mend = [&network, other] { network.heal("keeper", other); };
  switch (random().below(4)) {
    case 0:
      note("cut");
      network.cut("keeper", other);
      break;
    case 1:
      note("one-way cut");
      random().one_in(2) ? network.cut_one_way("keeper", other)
                         : network.cut_one_way(other, "keeper");
      break;
    case 2: {
      note("slow link");
      sim::Link slow;
      slow.latency = milliseconds(random().between(1, 300));
      slow.jitter = slow.latency;
      slow.bytes_per_second = random().between(2'000, 200'000);
      network.set_link("keeper", other, slow);
      mend = [&network, other] { network.set_link("keeper", other, sim::Link{}); };
      break;
    }
    default:
      note("reset");
      network.reset("keeper", other);
      return;
  }
  mends_.emplace(world_.now() + some(milliseconds(100), seconds(15)), std::move(mend));
}

void SimWorld::strike_keeper() {
  if (boot_at_) return;
  const bool is_by_power = has_disk_failed_ || (weather_.has_power_cuts && random().one_in(2));
  const auto how = is_by_power ? sim::Crash::kPower : sim::Crash::kProcess;
  if (random().one_in(3)) return end_keeper(how);
  keeper_.disk().crash_at(random().between(1, 60), [this, how] {
    if (boot_at_ || keeper_.host() == nullptr) return;
    keeper_.crash(how);
    crashed_ = how;
  });
}

void SimWorld::strike_disk() {
  auto& disk = keeper_.disk();
  const auto kind = random().below(3);
  if (kind == 0 && weather_.has_disk_full) {
    note("disk full");
    disk.set_capacity(disk.used() + random().below(8000));
    mends_.emplace(world_.now() + some(milliseconds(100), seconds(10)),
                   [&disk] { disk.set_capacity(~std::uint64_t{0}); });
  } else if (kind == 1 && weather_.has_disk_errors) {
    note("disk error");
    has_disk_failed_ = true;
    disk.fail_nth(static_cast<sim::DiskOp>(random().below(4)), random().between(1, 20));
  } else {
    note("slow disk");
    const auto lane = static_cast<rt::Lane>(random().below(3));
    disk.set_work_time(lane, milliseconds(1), milliseconds(random().between(2, 300)));
    mends_.emplace(world_.now() + some(milliseconds(100), seconds(10)), [&disk, lane] {
      disk.set_work_time(lane, std::chrono::microseconds(20), std::chrono::microseconds(200));
    });
  }
}

void SimWorld::strike_master() {
  if (weather_.has_other_datasets && random().one_in(2)) {
    note("other dataset");
    masters_.back()->stop();
    const auto name = "m" + std::to_string(masters_.size());
    masters_.push_back(std::make_unique<ModelMaster>(world_.machine(name), truth_,
                                                     truth_.start_line(), ModelMasterOptions{}));
    return;
  }
  // Redis remembers one predecessor: two failovers that the keeper slept through part it for good.
  const bool is_followed = masters_.back()->line().acked > 0;
  if (weather_.is_gapless() && !is_followed) return;
  fail_over(weather_.has_rollbacks && random().one_in(3));
}

// The promoted master lacks what had not reached it; a zombie writes on after it was replaced.
void SimWorld::fail_over(bool leaves_zombie) {
  auto& old = *masters_.back();
  const auto& line = old.line();
  auto at = line.end();
  note("failover");
  if (weather_.has_rollbacks && random().one_in(2)) {
    note("rollback");
    const auto back = std::min<std::uint64_t>(random().below(6), line.marks.size() - 1);
    at = line.marks[line.marks.size() - 1 - back];
  }
  auto& promoted = truth_.fork(line, at);
  ModelMasterOptions options;
  options.inherited = repl::Position{line.id, repl::Offset{at}};
  options.backlog_bytes =
      weather_.is_backlog_short ? random().between(1000, 30'000) : ~std::uint64_t{0};
  const auto name = "m" + std::to_string(masters_.size());
  if (leaves_zombie) {
    note("zombie");
    mends_.emplace(world_.now() + some(milliseconds(100), seconds(8)), [&old] { old.stop(); });
  } else {
    old.stop();
  }
  masters_.push_back(
      std::make_unique<ModelMaster>(world_.machine(name), truth_, promoted, options));
}

void SimWorld::heal() {
  note("healing");
  for (auto& [at, mend] : std::exchange(mends_, {})) mend();
  for (const auto& replica : replicas_) replica->come_back_fast();
  masters_.back()->become_quiet();
  world_.network().heal_all();
  auto& disk = keeper_.disk();
  disk.crash_at(0, nullptr);
  disk.set_capacity(~std::uint64_t{0});
  for (const auto op :
       {sim::DiskOp::kRead, sim::DiskOp::kWrite, sim::DiskOp::kSync, sim::DiskOp::kName}) {
    disk.fail_nth(op, 0);
  }
  // Only a restart goes on after a disk failed.
  if (has_disk_failed_) end_keeper(sim::Crash::kPower);
}

}  // namespace sluice::keeper
