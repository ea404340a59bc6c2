// A machine of a simulated world whose role is under test: booted, crashed, booted again.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "sim/machine.h"
#include "sim/world.h"

namespace sluice::keeper {

// How often what happened, by its name.
using Tally = std::map<std::string, std::uint64_t>;

// What nodes tell their world.
struct SimNotes {
  std::function<void(const std::string&)> count;  // one more of this happened
  std::function<void(const std::string&)> say;    // for who watches one seed
  bool is_loud = false;                           // somebody does
  std::function<void(std::string)> wrong;         // a promise was broken
};

// A role's own log, for who watches one seed.
class SimNodeLog : public base::LogSink {
 public:
  SimNodeLog(const SimNotes& notes, std::string name) : notes_(notes), name_(std::move(name)) {}
  bool takes(base::LogLevel) const override { return notes_.is_loud; }
  void write(const base::LogRecord& record) override {
    notes_.say(name_ + ": " + base::to_text(record));
  }

 private:
  const SimNotes& notes_;
  std::string name_;
};

class SimNode {
 public:
  SimNode(sim::World& world, const SimNotes& notes, std::string_view name)
      : world_(world), notes_(notes), machine_(world.machine(name)) {}
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;
  virtual ~SimNode() = default;

  const std::string& name() const { return machine_.name(); }
  sim::Disk& disk() { return machine_.disk(); }
  std::uint64_t boots() const { return machine_.boots(); }

  // Now. A role that does not start is tried again a second later.
  void boot();
  void crash(sim::Crash how);
  // In the midst of one of the next changes of its disk.
  void crash_mid_write(std::uint64_t nth_change, sim::Crash how);

  bool is_up() const { return !boot_at_; }
  // Was crashed mid-write: the world stops running and calls settle().
  bool has_to_settle() const { return crashed_.has_value(); }
  void settle();
  // When it wants boot() to be called.
  std::optional<rt::Instant> boot_at() const { return boot_at_; }

  // For the end of the world: nothing of it will be seen by others any more.
  void end();
  virtual bool is_done() const = 0;

 protected:
  // A new run of the role.
  virtual Result<> start(sim::Host& host) = 0;
  // Of the last run, whose process is dead: its code runs on, against calls that all fail.
  virtual void stop() = 0;
  // The process has just ended: what it promised has to be found by the next.
  virtual void lose(sim::Crash how) = 0;

  sim::Host* host() { return machine_.host(); }
  sim::World& world() { return world_; }
  const SimNotes& notes() const { return notes_; }

 private:
  void bury();

  sim::World& world_;
  const SimNotes& notes_;
  sim::Machine& machine_;
  std::optional<rt::Instant> boot_at_ = rt::Instant{};
  std::optional<sim::Crash> crashed_;
};

}  // namespace sluice::keeper
