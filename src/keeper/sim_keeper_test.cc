#include "keeper/sim_keeper_test.h"

#include <algorithm>
#include <utility>

#include "keeper/sim_truth_test.h"

namespace sluice::keeper {

SimKeeper::SimKeeper(sim::World& world, const SimNotes& notes, std::string_view name,
                     SimKeeperOptions options)
    : SimNode(world, notes, name),
      options_(std::move(options)),
      sink_(std::make_unique<SimNodeLog>(notes, std::string(name))) {}

const Shard* SimKeeper::shard() const {
  return is_running_ ? runs_.back()->shard.get() : nullptr;
}

rt::Task<void> SimKeeper::run_shard(Run& run) {
  co_await run.shard->run();
  run.is_done = true;
}

Result<> SimKeeper::start(sim::Host& host) {
  auto run = std::make_unique<Run>();
  ProcessHooks hooks;
  hooks.status = [] { return ProcessStatus{}; };
  auto config = options_.config();
  fsync_ = config.fsync;
  TRY(run->shard,
      Shard::open(host, std::move(config), std::move(hooks), run->metrics, base::Log(*sink_)));
  check_promise(*run->shard);
  std::erase_if(runs_, [](const auto& each) { return each->is_done; });
  is_running_ = true;
  world().spawn(run_shard(*run));
  runs_.push_back(std::move(run));
  return {};
}

void SimKeeper::stop() {
  if (is_running_) {
    const auto counters = runs_.back()->shard->status().counters;
    snapshots_resumed_ += counters.upstream_snapshots_resumed;
    snapshots_preferred_ += counters.upstream_snapshots_preferred;
  }
  is_running_ = false;
  runs_.back()->shard->stop();
}

void SimKeeper::lose(sim::Crash how) {
  const bool is_power = how == sim::Crash::kPower;
  // That policy relies on the page cache, of which a failed disk leaves what it likes.
  const bool is_cache_lost = is_power || has_disk_failed_;
  if (is_power) mend_disk();
  if (is_cache_lost && fsync_ == replog::Fsync::kOs) {
    promised_.reset();
    options_.forgets();
    return;
  }
  if (!is_running_) return;
  const auto status = runs_.back()->shard->status();
  if (status.log) promised_ = repl::Position{status.log->history.id, status.log->durable};
}

// Under another replid the last process was about to switch its history, or its data set; whether
// that lost something is judged when the upstream is asked.
void SimKeeper::check_promise(const Shard& shard) {
  if (!promised_) return;
  const auto status = shard.status();
  if (!status.log) return notes().wrong(name() + " has lost its log");
  const auto& history = status.log->history;
  if (history.id != promised_->id || history.held.end >= promised_->offset) return;
  notes().wrong(name() + " had made durable " + std::to_string(promised_->offset.bytes()) +
                " and recovered " + std::to_string(history.held.end.bytes()));
}

void SimKeeper::mend_disk() {
  has_disk_failed_ = false;
  for (const auto op :
       {sim::DiskOp::kRead, sim::DiskOp::kWrite, sim::DiskOp::kSync, sim::DiskOp::kName}) {
    disk().fail_nth(op, 0);
  }
}

void SimKeeper::fail_disk(sim::DiskOp op, std::uint64_t nth) {
  has_disk_failed_ = true;
  disk().fail_nth(op, nth);
}

bool SimKeeper::is_done() const {
  return std::ranges::all_of(runs_, [](const auto& run) { return run->is_done; });
}

std::string SimKeeper::describe() const {
  const auto* const running = shard();
  if (running == nullptr) return name() + " down";
  const auto status = running->status();
  auto text = name() + " at ";
  text += status.log ? to_text({status.log->history.id, status.log->history.held.end})
                     : std::string("nothing");
  if (status.log) {
    for (const auto& ended : status.log->history.inherited) text += ", was " + to_text(ended);
  }
  if (status.failure) text += ", failed: " + *status.failure;
  if (status.quarantine_reason) text += ", quarantined: " + *status.quarantine_reason;
  return text;
}

}  // namespace sluice::keeper
