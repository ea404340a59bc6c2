// What befalls a simulated world, and how it is mended.
#include <algorithm>
#include <utility>

#include "keeper/sim_world_test.h"

namespace sluice::keeper {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
constexpr std::uint64_t kSlowBytesMax = 200'000;
}  // namespace

void SimWorld::strike() {
  if (!relays_.empty() && random().one_in(3)) return strike_relay();
  switch (random().below(12)) {
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
    case 8:
      return strike_replica();
    default:
      return strike_master();
  }
}

SimKeeper& SimWorld::some_keeper() {
  return *keepers_[random().below(keepers_.size())];
}

// Of each node with the one that its stream comes from.
std::vector<std::pair<std::string, std::string>> SimWorld::chain_links() const {
  const auto& first = keepers_.front()->name();
  std::vector<std::pair<std::string, std::string>> links{{first, master().name()}};
  if (keepers_.size() == 1) return links;
  const auto& second = keepers_.back()->name();
  if (near_relays_.empty()) links.emplace_back(second, first);
  for (const auto& near : near_relays_) {
    links.emplace_back(second, near);
    for (const auto& far : far_relays_) links.emplace_back(near, far);
  }
  for (const auto& far : far_relays_) links.emplace_back(far, first);
  return links;
}

// Of the chain or, less often, one of a replica.
std::pair<std::string, std::string> SimWorld::some_link() {
  auto links = chain_links();
  const auto inner = links.size();
  for (const auto& replica : replicas_) links.emplace_back(replica->name(), replica->upstream());
  return links[random().one_in(2) ? random().below(inner) : random().below(links.size())];
}

void SimWorld::strike_network() {
  auto [one, other] = some_link();
  if (random().one_in(2)) std::swap(one, other);
  auto& network = world_.network();
  const auto usual = network.link(*world_.find(one), *world_.find(other));
  std::function<void()> mend = [&network, one = one, other = other] { network.heal(one, other); };
  switch (random().below(4)) {
    case 0:
      note("cut");
      network.cut(one, other);
      break;
    case 1:
      note("one-way cut");
      network.cut_one_way(one, other);
      break;
    case 2: {
      // Slowed twice, it would be mended to what the first time made of it.
      if (usual.bytes_per_second > 0 && usual.bytes_per_second <= kSlowBytesMax) return;
      note("slow link");
      sim::Link slow;
      slow.latency = milliseconds(random().between(1, 300));
      slow.jitter = slow.latency;
      slow.bytes_per_second = random().between(2'000, kSlowBytesMax);
      network.set_link(one, other, slow);
      mend = [&network, one = one, other = other, usual] { network.set_link(one, other, usual); };
      break;
    }
    default:
      note("reset");
      network.reset(one, other);
      return;
  }
  mend_within(seconds(15), std::move(mend));
}

void SimWorld::strike_keeper() {
  auto& keeper = some_keeper();
  if (!keeper.is_up()) return;
  const bool is_by_power =
      keeper.has_disk_failed() || (weather_.has_power_cuts && random().one_in(2));
  const auto how = is_by_power ? sim::Crash::kPower : sim::Crash::kProcess;
  if (random().one_in(3)) return keeper.crash(how);
  keeper.crash_mid_write(random().between(1, 60), how);
}

void SimWorld::strike_disk() {
  auto& keeper = some_keeper();
  auto& disk = keeper.disk();
  const auto kind = random().below(3);
  if (kind == 0 && weather_.has_disk_full) {
    note("disk full");
    disk.set_capacity(disk.used() + random().below(8000));
    mend_within(seconds(10), [&disk] { disk.set_capacity(kPlenty); });
  } else if (kind == 1 && weather_.has_disk_errors) {
    note("disk error");
    keeper.fail_disk(static_cast<sim::DiskOp>(random().below(4)), random().between(1, 20));
  } else {
    note("slow disk");
    const auto lane = static_cast<rt::Lane>(random().below(3));
    disk.set_work_time(lane, milliseconds(1), milliseconds(random().between(2, 300)));
    mend_within(seconds(10), [&disk, lane] {
      disk.set_work_time(lane, std::chrono::microseconds(20), std::chrono::microseconds(200));
    });
  }
}

void SimWorld::strike_replica() {
  auto& replica = *replicas_[random().below(replicas_.size())];
  const bool has_saved = random().one_in(2);
  note(has_saved ? "replica restarted" : "replica emptied");
  replica.restart(has_saved);
}

void SimWorld::strike_relay() {
  auto& relay = *relays_[random().below(relays_.size())];
  if (!relay.is_up()) return;
  const bool is_by_power = random().one_in(3);
  note(is_by_power ? "relay power cut" : "relay crash");
  relay.crash(is_by_power ? sim::Crash::kPower : sim::Crash::kProcess);
}

void SimWorld::strike_master() {
  const auto& line = master().line();
  const bool is_followed = line.acked > 0;
  if (weather_.has_cycles && random().one_in(3)) return make_cycle();
  if (weather_.has_other_datasets && random().one_in(2)) {
    note("other dataset");
    return bring_other_dataset(random().between(kKeysUsual, kKeysMost));
  }
  // A keeper that knows of no data yet has nothing to compare an empty master with.
  if (weather_.has_empty_masters && is_followed && random().one_in(2)) {
    if (line.root().keys >= kKeysUsual) {
      note("emptied");
      return bring_other_dataset(random().one_in(2) ? 0 : random().below(kKeysFew));
    }
    const auto good = std::find_if(masters_.rbegin(), masters_.rend(), [](const auto& each) {
      return each->line().keys >= kKeysUsual;
    });
    note("data came back");
    return fail_over(**good);
  }
  // Redis remembers one predecessor: two failovers that the keeper slept through part it for good.
  if (weather_.is_gapless() && !is_followed) return;
  fail_over(master());
}

// A master that is told to replicate itself, or the keeper behind it.
void SimWorld::make_cycle() {
  auto& stuck = master();
  const bool is_of_keeper = random().one_in(2);
  note(is_of_keeper ? "cycle" : "self-replication");
  stuck.replicate_of(is_of_keeper ? keepers_.front()->name() : stuck.name());
  mend_within(seconds(15), [&stuck] { stuck.replicate_of(""); });
}

void SimWorld::bring_other_dataset(std::uint64_t keys) {
  master().stop();
  auto& line = truth_.start_line(keys);
  line.is_held_back = keys < kKeysMin && !is_accepting_;
  add_master(line, std::nullopt);
}

// The promoted master lacks what had not reached it; a zombie writes on after it was replaced.
void SimWorld::fail_over(ModelMaster& from) {
  const auto& line = from.line();
  auto at = line.end();
  note("failover");
  if (weather_.has_rollbacks && random().one_in(2)) {
    const bool is_long = random().one_in(4);
    note(is_long ? "long rollback" : "rollback");
    const auto back =
        std::min<std::uint64_t>(random().below(is_long ? 1000 : 6), line.marks.size() - 1);
    at = line.marks[line.marks.size() - 1 - back];
  }
  auto& promoted = truth_.fork(line, at);
  auto& old = master();
  if (weather_.has_rollbacks && random().one_in(3)) {
    note("zombie");
    mend_within(seconds(8), [&old] { old.stop(); });
  } else {
    old.stop();
  }
  add_master(promoted, repl::Position{line.id, repl::Offset{at}});
}

void SimWorld::heal() {
  note("healing");
  is_healing_ = true;
  for (auto& [at, mend] : std::exchange(mends_, {})) mend();
  for (const auto& replica : replicas_) replica->come_back_fast();
  master().become_quiet();
  world_.network().heal_all();
  for (const auto& keeper : keepers_) {
    auto& disk = keeper->disk();
    disk.crash_at(0, nullptr);
    disk.set_capacity(kPlenty);
  }
}

}  // namespace sluice::keeper
