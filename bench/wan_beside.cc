#include "wan_beside.h"

#include <fmt/format.h>
#include <utility>

#include "lab/table.h"

namespace sluice::bench {
namespace {

// The small flow's p99 beside bulk, as a multiple of its p99 alone.
constexpr double kDelayedMax = 1.5;
constexpr std::uint32_t kAlone = 1;
constexpr std::uint32_t kBeside = 2;
constexpr std::uint32_t kUncounted = 3;

double milliseconds(lab::Histogram::Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

rt::Duration duration_of(double seconds) {
  return std::chrono::duration_cast<rt::Duration>(std::chrono::duration<double>(seconds));
}

struct Pair {
  std::unique_ptr<Lane> small;
  std::unique_ptr<Lane> bulk;
  double bulk_bytes_per_second = 0;
};

class Beside {
 public:
  Beside(Stage& stage, Ocean& ocean, BesideOptions options)
      : stage_(stage), ocean_(ocean), options_(std::move(options)) {}

  rt::Task<Result<>> run(std::vector<Carrier> carriers) {
    CO_TRY_VOID(ocean_.set(options_.conditions));
    for (std::size_t i = 0; i < carriers.size(); ++i) {
      auto carrier = carriers[i];
      carrier.bytes_per_second = options_.bytes_per_second;
      pairs_.push_back({.small = std::make_unique<Lane>(stage_, ocean_, i, carrier), .bulk = {}});
      CO_TRY_VOID(co_await pairs_.back().small->start());
    }
    say(fmt::format("{:.1f} MB/s alone for {:.0f} s", options_.bytes_per_second / 1e6,
                    options_.seconds));
    CO_TRY_VOID(co_await measure(kAlone));
    for (std::size_t i = 0; i < carriers.size(); ++i) {
      pairs_[i].bulk = std::make_unique<Lane>(*pairs_[i].small, carriers[i]);
      CO_TRY_VOID(co_await pairs_[i].bulk->start());
    }
    say("and beside bulk on the same link");
    CO_TRY_VOID(co_await measure(kBeside));
    sum_up();
    co_return ocean_.check_sound();
  }

  bool has_passed() const { return has_passed_; }

 private:
  rt::Task<Result<>> measure(std::uint32_t phase) {
    CO_TRY_VOID(co_await stage_.pause(duration_of(options_.warm_seconds)));
    std::vector<std::uint64_t> before;
    for (auto& pair : pairs_) {
      pair.small->stats().phase = phase;
      before.push_back(pair.bulk ? pair.bulk->received() : 0);
    }
    CO_TRY_VOID(co_await stage_.pause(duration_of(options_.seconds)));
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      auto& pair = pairs_[i];
      pair.small->stats().phase = kUncounted;
      if (!pair.bulk) continue;
      pair.bulk_bytes_per_second =
          static_cast<double>(pair.bulk->received() - before[i]) / options_.seconds;
    }
    co_return Result<>();
  }

  void sum_up() {
    lab::Table table({"a small flow", "alone: p50 ms", "p99", "max", "beside bulk: p50 ms", "p99",
                      "max", "p99 times", "bulk MB/s"});
    for (auto& pair : pairs_) {
      const auto& delay = pair.small->stats().delay;
      std::vector<std::string> cells{pair.small->carrier().name};
      for (const auto phase : {kAlone, kBeside}) {
        for (const double quantile : {0.5, 0.99, 1.0}) {
          cells.push_back(fmt::format("{:.0f}", milliseconds(delay[phase].quantile(quantile))));
        }
      }
      cells.push_back(fmt::format("{:.2f}", delayed(pair)));
      cells.push_back(fmt::format("{:.2f}", pair.bulk_bytes_per_second / 1e6));
      table.add(std::move(cells));
    }
    say("\n" + table.text());
    for (auto& pair : pairs_) {
      const auto& carrier = pair.small->carrier();
      if (!carrier.is_relayed) continue;
      const bool is_so = delayed(pair) <= kDelayedMax;
      has_passed_ = has_passed_ && is_so;
      say(fmt::format("{}{}: p99 beside bulk {:.2f} times that alone, at most {:.1f}",
                      is_so ? "ok     " : "FAILED ", carrier.name, delayed(pair), kDelayedMax));
    }
  }

  static double delayed(Pair& pair) {
    const auto& delay = pair.small->stats().delay;
    return milliseconds(delay[kBeside].quantile(0.99)) / milliseconds(delay[kAlone].quantile(0.99));
  }

  Stage& stage_;
  Ocean& ocean_;
  const BesideOptions options_;
  std::vector<Pair> pairs_;
  bool has_passed_ = true;
};

}  // namespace

rt::Task<Result<bool>> run_beside(Stage& stage, Ocean& ocean, BesideOptions options,
                                  std::vector<Carrier> carriers) {
  Beside bench(stage, ocean, std::move(options));
  CO_TRY_VOID(co_await bench.run(std::move(carriers)));
  co_return bench.has_passed();
}

}  // namespace sluice::bench
