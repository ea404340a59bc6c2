// A keeper's folder through crashes, power cuts and disk faults at random moments: what was durable
// is there, and what is served is an exact prefix of what was stored.
#include <cstdlib>
#include <gtest/gtest.h>

#include "replog/archive_world_test.h"

namespace sluice::replog {
namespace {

using repl::Offset;
using repl::Position;
using repl::ReplId;

char digit_after(char hex) {
  if (hex == 'f') return '0';
  return hex == '9' ? 'a' : static_cast<char>(hex + 1);
}

// What a lineage may hold, and what of it was promised.
struct Model {
  Position start;
  ReplId id;
  std::string stream;  // every byte that was given to it and may still be there
  Offset appended;     // as far as append() succeeded: survives the death of the process
  Offset synced;       // as far as sync() succeeded: survives the loss of power
  std::string snapshot;
  std::string source;                 // what a master sends: `stream` and what comes after it
  std::optional<Position> switching;  // was under way when the keeper died

  Offset end() const { return start.offset + stream.size(); }
};

class Scenario {
 public:
  Scenario(std::uint64_t seed, Fsync fsync) : keeper_(seed) {
    keeper_.options.segment_bytes = {random().between(500, 20'000)};
    keeper_.options.followed_per_second = {random().one_in(3) ? ~0ULL : random().below(20'000)};
    keeper_.options.fsync = fsync;
    keeper_.machine().disk().set_cached_one_in(random().between(1, 3));
  }

  void play(int lives) {
    for (int life = 0; life < lives && !::testing::Test::HasFatalFailure(); ++life) {
      begin_life();
      if (!::testing::Test::HasFatalFailure()) live();
    }
  }

 private:
  sim::Random& random() { return keeper_.world.random(); }
  sim::Disk& disk() { return keeper_.machine().disk(); }
  bool is_alive() { return keeper_.machine().host() != nullptr; }

  void plan_crash(std::uint64_t within) {
    const auto how = random().one_in(3) ? sim::Crash::kProcess : sim::Crash::kPower;
    const auto crash = [this, how] {
      keeper_.machine().crash(how);
      lost_power_ |= how == sim::Crash::kPower;
    };
    disk().crash_at(random().between(1, within), crash);
  }

  // A write or sync that fails, or a disk that is full for the rest of this life.
  void plan_fault() {
    const auto nth = random().between(1, 80);
    switch (random().below(8)) {
      case 0:
        disk().fail_nth(sim::DiskOp::kWrite, nth);
        break;
      case 1:
        disk().fail_nth(sim::DiskOp::kSync, nth);
        break;
      case 2:
        disk().set_capacity(disk().used() + random().below(100'000));
        break;
      default:
        return;
    }
    had_fault_ = true;
  }

  // It may die while it recovers, too.
  void begin_life() {
    for (int tries = 0; !keeper_.archive; ++tries) {
      if (tries < 3 && random().one_in(4)) plan_crash(6);
      const auto opened = keeper_.open();
      disk().crash_at(0, nullptr);
      ASSERT_TRUE(opened || !is_alive()) << opened.error().detail;
      if (!is_alive()) keeper_.stop();
    }
    check_recovered();
    lost_power_ = false;
    had_fault_ = false;
  }

  void check_recovered() {
    if (keeper_.archive->active() == nullptr) {
      ASSERT_FALSE(active_) << "the active lineage is gone";
      loading_.reset();
      return;
    }
    Log& log = keeper_.log();
    if (loading_ && log.history().inherited.empty() && log.history().id == loading_->id) {
      active_ = std::move(loading_);  // it died just after the promotion
    }
    loading_.reset();
    ASSERT_TRUE(active_);
    settle_switch();
    ASSERT_EQ(log.history().id, active_->id);
    const bool keeps_written = !lost_power_ && !had_fault_;
    ASSERT_GE(log.end(), keeps_written ? active_->appended : active_->synced);
    ASSERT_LE(log.end(), active_->end());
    active_->stream.resize(log.end() - active_->start.offset);
    active_->appended = active_->synced = log.end();
    check_content();
  }

  void settle_switch() {
    const auto to = std::exchange(active_->switching, std::nullopt);
    if (!to || keeper_.log().history().id != to->id) return;
    apply(*to);
  }

  void apply(const Position& to) {
    active_->id = to.id;
    active_->stream.resize(to.offset - active_->start.offset);
    active_->source = active_->stream;
    active_->appended = active_->synced = to.offset;
  }

  void check_content() {
    Log& log = keeper_.log();
    const auto skipped = log.begin() - active_->start.offset;
    const std::string expected = active_->stream.substr(skipped);
    const Offset to = log.failed() ? log.durable() : log.end();
    const auto served = keeper_.read(log.begin(), to);
    if (!is_alive()) return;  // it died of the reading
    if (log.failed()) {
      ASSERT_EQ(served, expected.substr(0, served.size()));
      ASSERT_TRUE(keeper_.read_error || keeper_.read_error.error().code == Errc::kDiskFailed);
      return;
    }
    ASSERT_TRUE(keeper_.read_error) << keeper_.read_error.error().detail;
    ASSERT_EQ(served, expected.substr(0, to - log.begin()));
    for (const Snapshot& each : log.snapshots()) {
      ASSERT_EQ(keeper_.read_snapshot(each), active_->snapshot);
    }
    ASSERT_FALSE(log.snapshots().empty()) << keeper_.archive->recovery().note;
    repl::StreamScanner scanner(repl::Mark{active_->start.offset, 0});
    ASSERT_TRUE(scanner.feed(active_->stream));
    const auto mark = keeper_.run(log.last_mark());
    if (!is_alive()) return;
    ASSERT_TRUE(mark) << mark.error().detail;
    ASSERT_EQ(*mark, scanner.boundary());
  }

  void live() {
    if (random().one_in(2)) plan_crash(200);
    const auto steps = random().between(1, 60);
    plan_fault();
    is_uncertain_ = false;
    for (std::uint64_t i = 0; i < steps && is_alive() && !is_uncertain_; ++i) {
      step();
      if (::testing::Test::HasFatalFailure()) return;
    }
    disk().crash_at(0, nullptr);
    disk().fail_nth(sim::DiskOp::kWrite, 0);
    disk().fail_nth(sim::DiskOp::kSync, 0);
    disk().set_capacity(~std::uint64_t{0});
    if (is_alive() && random().one_in(2)) {
      const bool is_power = random().one_in(2);
      keeper_.machine().crash(is_power ? sim::Crash::kPower : sim::Crash::kProcess);
      lost_power_ |= is_power;
    }
    keeper_.stop();
    if (is_alive()) keeper_.machine().crash(sim::Crash::kProcess);
  }

  void step() {
    if (!active_) return load();
    switch (random().below(12)) {
      case 0:
        return load();
      case 1:
        return switch_history();
      case 2:
        return check_content();
      case 3:
        return refresh_snapshot();
      case 4:
        return enforce();
      case 5:
      case 6:
        return sync();
      case 7:
        return keeper_.world.run_for(std::chrono::milliseconds(random().below(500)));
      default:
        return append();
    }
  }

  void load() {
    const Position at{replid(next_id_), Offset{random().below(1'000'000)}};
    next_id_ = digit_after(next_id_);
    loading_ =
        Model{at, at.id, "", at.offset, at.offset, commands(1, random().between(1, 200)), {}, {}};
    if (keeper_.run(keeper_.load(at, loading_->snapshot))) {
      active_ = std::exchange(loading_, std::nullopt);
    } else {
      is_uncertain_ = true;
    }
  }

  void append() {
    if (active_->appended != active_->end()) return;  // it failed before
    const auto count = random().between(1, random().one_in(10) ? 400 : 20);
    active_->source += commands(next_command_, count);
    next_command_ += count;
    const auto held = active_->stream.size();
    const auto left = active_->source.size() - held;
    const std::string part = active_->source.substr(held, random().between(1, left));
    active_->stream += part;
    const auto appended = keeper_.run(keeper_.log().append(part));
    const bool is_full = !appended && appended.error().code == Errc::kNoSpace;
    if (is_full && is_alive() && !keeper_.log().failed()) {  // nothing was taken
      active_->stream.resize(held);
      ASSERT_EQ(keeper_.log().end(), active_->end());
      return;
    }
    if (!appended) {
      ASSERT_TRUE(keeper_.log().failed() || !is_alive());
      return;
    }
    active_->appended = active_->end();
    ASSERT_EQ(keeper_.log().end(), active_->end());
    if (keeper_.options.fsync == Fsync::kAlways) active_->synced = active_->end();
    ASSERT_LE(keeper_.options.fsync == Fsync::kOs ? Offset{} : keeper_.log().durable(),
              active_->end());
  }

  void sync() {
    if (keeper_.run(keeper_.log().sync())) active_->synced = active_->appended;
    if (keeper_.options.fsync != Fsync::kOs) {
      active_->synced = std::max(active_->synced, keeper_.log().durable());
    }
  }

  std::uint64_t next_command_ = 1;
  void switch_history();
  void refresh_snapshot();
  void enforce();

  ArchiveWorld keeper_;
  std::optional<Model> active_;
  std::optional<Model> loading_;
  bool lost_power_ = false;
  bool had_fault_ = false;
  bool is_uncertain_ = false;  // a change failed: the next start may find it done, or not
  char next_id_ = 'a';
};

void Scenario::switch_history() {
  Log& log = keeper_.log();
  if (active_->appended != active_->end()) return;
  const auto span = log.end() - log.begin();
  const Offset near = log.begin() + random().between(random().one_in(2) ? span : 0, span);
  const auto mark = keeper_.run(log.mark_at(near));
  if (!mark) return;
  const Position to{replid(next_id_), mark->offset};
  next_id_ = digit_after(next_id_);
  active_->switching = to;
  const bool has_snapshot = log.snapshots().front().at.offset <= to.offset;
  if (!has_snapshot) return active_->switching.reset();
  if (keeper_.run(log.switch_history(to.id, to.offset))) {
    active_->switching.reset();
    apply(to);
  } else {
    is_uncertain_ = true;
  }
}

void Scenario::refresh_snapshot() {
  const auto write = [](Log& log, std::string bytes) -> rt::Task<Result<>> {
    CO_TRY(const auto mark, co_await log.last_mark());
    const Position at{log.history().id, mark.offset};
    const auto db = mark.db;
    CO_TRY(auto writer, co_await log.write_snapshot(at));
    CO_TRY_VOID(co_await writer->append(bytes));
    co_return co_await writer->commit(db, 1);
  };
  [[maybe_unused]] const auto written = keeper_.run(write(keeper_.log(), active_->snapshot));
}

void Scenario::enforce() {
  const Retention policy{.bytes = {random().below(100'000)},
                         .age = std::chrono::hours(1),
                         .snapshots = static_cast<std::uint32_t>(random().between(1, 3))};
  [[maybe_unused]] const auto enforced = keeper_.run(keeper_.archive->enforce(policy));
}

// SLUICE_SEED=n plays one world alone.
std::uint64_t seed_or(std::uint64_t otherwise) {
  const char* one = std::getenv("SLUICE_SEED");
  return one != nullptr ? std::strtoull(one, nullptr, 10) : otherwise;
}

TEST(ArchiveCrashSim, KeepsWhatItPromisedUnderEachPolicy) {
  for (std::uint64_t seed = seed_or(1); seed <= seed_or(150); ++seed) {
    for (const auto fsync : {Fsync::kAlways, Fsync::kEverySec, Fsync::kOs}) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " policy " +
                   std::to_string(static_cast<int>(fsync)));
      Scenario(seed, fsync).play(6);
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace sluice::replog
