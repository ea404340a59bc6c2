#include "wan_steady.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "lab/table.h"

namespace sluice::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 20ms;

// What relayed flows are held to.
constexpr double kP50Max = 0.300;
constexpr double kP99Max = 0.700;
constexpr double kWorstMax = 3;
constexpr double kResumeMax = 1.5;
constexpr double kDrainSlack = 1.10;

struct CutOutcome {
  double seconds = 0;
  double resumed = -1;  // after the heal; less than 0: not in time
  double drained = -1;
  double allowed = 0;
};

struct Outcome {
  lab::Histogram delay;
  std::vector<CutOutcome> cuts;
};

double seconds_of(rt::Duration time) {
  return std::chrono::duration<double>(time).count();
}

rt::Duration duration_of(double seconds) {
  return std::chrono::duration_cast<rt::Duration>(std::chrono::duration<double>(seconds));
}

std::string milliseconds(lab::Histogram::Duration time) {
  return fmt::format("{:.1f}", seconds_of(time) * 1e3);
}

class Steady {
 public:
  Steady(Stage& stage, Ocean& ocean, SteadyOptions options)
      : stage_(stage), ocean_(ocean), options_(std::move(options)) {}

  rt::Task<Result<>> run(std::vector<Carrier> carriers) {
    CO_TRY_VOID(ocean_.set(options_.conditions));
    for (std::size_t i = 0; i < carriers.size(); ++i) {
      carriers[i].bytes_per_second = options_.bytes_per_second;
      lanes_.push_back(std::make_unique<Lane>(stage_, ocean_, i, carriers[i]));
      CO_TRY_VOID(co_await lanes_.back()->start());
    }
    outcomes_.resize(lanes_.size());
    CO_TRY_VOID(co_await stage_.pause(duration_of(options_.warm_seconds)));
    CO_TRY_VOID(co_await measure_delay());
    for (const double cut : options_.cuts) CO_TRY_VOID(co_await measure_cut(cut));
    sum_up();
    co_return ocean_.check_sound();
  }

  bool has_passed() const { return has_passed_; }

 private:
  rt::Task<Result<>> measure_delay() {
    constexpr std::uint32_t kMeasured = 1;
    constexpr std::uint32_t kUncounted = 2;
    say(fmt::format("{:.0f} MB/s for {:.0f} s", options_.bytes_per_second / 1e6, options_.seconds));
    for (auto& lane : lanes_) lane->stats().phase = kMeasured;
    CO_TRY_VOID(co_await stage_.pause(duration_of(options_.seconds)));
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      lanes_[i]->stats().phase = kUncounted;
      outcomes_[i].delay = lanes_[i]->stats().delay[kMeasured];
      const auto& seen = outcomes_[i].delay;
      say(fmt::format("  {}: p50 {} p99 {} max {} ms", lanes_[i]->carrier().name,
                      milliseconds(seen.quantile(0.5)), milliseconds(seen.quantile(0.99)),
                      milliseconds(seen.max())));
    }
    co_return Result<>();
  }

  rt::Task<Result<>> measure_cut(double cut) {
    say(fmt::format("a cut of {:.0f} s", cut));
    CO_TRY_VOID(ocean_.cut(duration_of(cut)));
    CO_TRY_VOID(co_await stage_.pause(duration_of(cut)));
    const double healed = now();
    std::vector<std::uint64_t> before;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      before.push_back(lanes_[i]->received());
      CutOutcome outcome;
      outcome.seconds = cut;
      outcome.allowed = drain_time(cut + kResumeMax) * kDrainSlack + kResumeMax;
      outcomes_[i].cuts.push_back(outcome);
    }
    const double patience = 4 * cut + 30;
    while (now() - healed < patience && !all_drained(before, now() - healed)) {
      CO_TRY_VOID(co_await stage_.pause(kLook));
    }
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      const auto& seen = outcomes_[i].cuts.back();
      say(fmt::format("  {}: flows after {:.2f} s, drained after {:.1f} s (the link allows {:.1f})",
                      lanes_[i]->carrier().name, seen.resumed, seen.drained, seen.allowed));
    }
    co_return co_await stage_.pause(duration_of(options_.warm_seconds));
  }

  // What the link takes for all that was due in `gap` seconds, beside what goes on to be due.
  double drain_time(double gap) const {
    const double spare = options_.capacity_bytes_per_second - options_.bytes_per_second;
    return gap * options_.bytes_per_second / spare;
  }

  bool all_drained(const std::vector<std::uint64_t>& before, double since_heal) {
    // Within a second's worth of what should have come.
    const auto slack = static_cast<std::uint64_t>(options_.bytes_per_second);
    bool is_all = true;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      auto& outcome = outcomes_[i].cuts.back();
      const auto received = lanes_[i]->received();
      if (outcome.resumed < 0 && received > before[i]) outcome.resumed = since_heal;
      const bool is_current = received + slack >= lanes_[i]->stats().due;
      if (outcome.drained < 0 && outcome.resumed >= 0 && is_current) outcome.drained = since_heal;
      is_all = is_all && outcome.drained >= 0;
    }
    return is_all;
  }

  void sum_up() {
    std::vector<std::string> header{"", "p50 ms", "p99 ms", "p99.9 ms", "max ms"};
    for (const double cut : options_.cuts) {
      header.push_back(fmt::format("flows after {:.0f} s cut", cut));
      header.emplace_back("drained s");
    }
    header.emplace_back("connections");
    lab::Table table(header);
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      const auto& outcome = outcomes_[i];
      std::vector<std::string> cells{lanes_[i]->carrier().name};
      for (const double quantile : {0.5, 0.99, 0.999}) {
        cells.push_back(milliseconds(outcome.delay.quantile(quantile)));
      }
      cells.push_back(milliseconds(outcome.delay.max()));
      for (const auto& cut : outcome.cuts) {
        cells.push_back(fmt::format("{:.2f}", cut.resumed));
        cells.push_back(fmt::format("{:.1f}", cut.drained));
      }
      cells.push_back(std::to_string(lanes_[i]->stats().connections));
      table.add(std::move(cells));
    }
    say("\n" + table.text());
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      if (lanes_[i]->carrier().is_relayed) judge(*lanes_[i], outcomes_[i]);
    }
  }

  void judge(Lane& lane, const Outcome& outcome) {
    const auto& name = lane.carrier().name;
    const auto& delay = outcome.delay;
    demand(seconds_of(delay.quantile(0.5)) <= kP50Max, name + ": p50 <= 300 ms");
    demand(seconds_of(delay.quantile(0.99)) <= kP99Max, name + ": p99 <= 700 ms");
    demand(seconds_of(delay.max()) < kWorstMax, name + ": max < 3 s");
    for (const auto& cut : outcome.cuts) {
      demand(cut.resumed >= 0 && cut.resumed <= kResumeMax,
             fmt::format("{}: flows within 1.5 s of a cut of {:.0f} s", name, cut.seconds));
      demand(cut.drained >= 0 && cut.drained <= cut.allowed,
             fmt::format("{}: drained in {:.0f} s", name, cut.allowed));
    }
  }

  void demand(bool is_so, const std::string& what) {
    say((is_so ? "ok     " : "FAILED ") + what);
    has_passed_ = has_passed_ && is_so;
  }

  double now() const { return seconds_of(stage_.host().clock().now().since_start); }

  Stage& stage_;
  Ocean& ocean_;
  const SteadyOptions options_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Outcome> outcomes_;
  bool has_passed_ = true;
};

}  // namespace

rt::Task<Result<bool>> run_steady(Stage& stage, Ocean& ocean, SteadyOptions options,
                                  std::vector<Carrier> carriers) {
  Steady bench(stage, ocean, std::move(options));
  CO_TRY_VOID(co_await bench.run(std::move(carriers)));
  co_return bench.has_passed();
}

}  // namespace sluice::bench
