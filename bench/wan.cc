// `./dev bench wan`: what gets across an ocean: congestion controls and relays, beside each other.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <sched.h>
#include <utility>

#include "lab/table.h"
#include "lane.h"
#include "wan/quantity.h"
#include "wan_beside.h"
#include "wan_steady.h"
#include "worker.h"

namespace sluice::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 250ms;
constexpr double kWindowSeconds = 10;

struct Options {
  std::vector<std::string> rows{"reno", "cubic", "bbr"};
  std::vector<std::string> losses{"0.05%", "0.1%", "1%", "2%", "5%"};
  std::string delay = "200ms";
  std::string rate = "200mbit";
  std::string queue = "100ms";
  double seconds = 15;
  double warm_seconds = 5;  // for slow start, not counted
  int times = 1;
  bool one_by_one = false;
  bool is_steady = false;
  bool is_beside = false;
  double megabytes_per_second = 10;     // of a steady flow, or a small one beside bulk
  std::vector<double> cuts{2, 12, 60};  // of it
};

// What relayed flows are held to, as shares of the link's rate.
constexpr double kShareMin = 0.90;       // up to kLittleLoss
constexpr double kShareMinLossy = 0.80;  // beyond
constexpr double kWindowShareMin = 0.50;
constexpr wan::Share kLittleLoss{0.01};
constexpr double kPayloadShare = 1448.0 / 1500;  // of TCP with timestamps, in the default MTU

// Of one flow in one cell of the table.
struct Flow {
  double bytes_per_second = 0;
  double worst_window = 0;  // of kWindowSeconds, or of all if that is less
};

std::string megabytes(double bytes) {
  return fmt::format("{:.2f}", bytes / 1e6);
}

class WanBench {
 public:
  WanBench(Stage& stage, Ocean& ocean, Options options, std::vector<Carrier> carriers, double link)
      : stage_(stage),
        ocean_(ocean),
        options_(std::move(options)),
        carriers_(std::move(carriers)),
        link_(link) {}

  rt::Task<Result<>> run() {
    say(fmt::format("{} round trip, {} with a queue of {}; {:.0f} s a cell after {:.0f} s",
                    options_.delay, options_.rate, options_.queue, options_.seconds,
                    options_.warm_seconds));
    for (const auto& loss : options_.losses) {
      for (int i = 0; i < options_.times; ++i) CO_TRY_VOID(co_await measure(loss));
    }
    sum_up();
    co_return Result<>();
  }

  bool has_passed() const { return has_passed_; }

 private:
  struct Row {
    std::string loss;
    std::vector<Flow> flows;  // one for each carrier
  };

  rt::Task<Result<>> measure(std::string loss) {
    lab::Conditions conditions{{"delay", options_.delay},
                               {"rate", options_.rate},
                               {"queue", options_.queue},
                               {"loss", loss}};
    CO_TRY_VOID(ocean_.set(conditions));
    Row row{loss, {}};
    const std::size_t at_once = options_.one_by_one ? 1 : carriers_.size();
    for (std::size_t first = 0; first < carriers_.size(); first += at_once) {
      std::vector<Carrier> some(carriers_.begin() + static_cast<std::ptrdiff_t>(first),
                                carriers_.begin() + static_cast<std::ptrdiff_t>(first + at_once));
      CO_TRY(const auto flows, co_await measure_together(std::move(some)));
      row.flows.insert(row.flows.end(), flows.begin(), flows.end());
    }
    std::string line = fmt::format("loss {:>5}:", loss);
    for (std::size_t i = 0; i < carriers_.size(); ++i) {
      line += fmt::format("  {} {}", carriers_[i].name, megabytes(row.flows[i].bytes_per_second));
    }
    say(line + " MB/s");
    rows_.push_back(std::move(row));
    co_return ocean_.check_sound();
  }

  // Each on a link of its own.
  rt::Task<Result<std::vector<Flow>>> measure_together(std::vector<Carrier> carriers) {
    std::vector<std::unique_ptr<Lane>> lanes;
    for (std::size_t i = 0; i < carriers.size(); ++i) {
      lanes.push_back(std::make_unique<Lane>(stage_, ocean_, i, carriers[i]));
      CO_TRY_VOID(co_await lanes.back()->start());
    }
    CO_TRY_VOID(co_await stage_.pause(seconds(options_.warm_seconds)));
    std::vector<std::vector<Sample>> samples(lanes.size());
    const double start = now();
    for (;;) {
      for (std::size_t i = 0; i < lanes.size(); ++i) {
        samples[i].push_back({now(), static_cast<double>(lanes[i]->received())});
      }
      if (now() - start >= options_.seconds) break;
      CO_TRY_VOID(co_await stage_.pause(kLook));
    }
    std::vector<Flow> flows;
    flows.reserve(samples.size());
    for (const auto& each : samples) flows.push_back(flow_of(each));
    co_return flows;
  }

  struct Sample {
    double at;
    double bytes;
  };

  static double rate_between(const Sample& a, const Sample& b) {
    return (b.bytes - a.bytes) / (b.at - a.at);
  }

  static Flow flow_of(const std::vector<Sample>& samples) {
    Flow flow;
    flow.bytes_per_second = rate_between(samples.front(), samples.back());
    flow.worst_window = flow.bytes_per_second;
    for (std::size_t first = 0, last = 0; last < samples.size(); ++last) {
      while (samples[last].at - samples[first + 1].at >= kWindowSeconds) ++first;
      if (samples[last].at - samples[first].at < kWindowSeconds) continue;
      flow.worst_window = std::min(flow.worst_window, rate_between(samples[first], samples[last]));
    }
    return flow;
  }

  void sum_up() {
    std::vector<std::string> header{"loss"};
    for (const auto& carrier : carriers_) header.push_back(carrier.name + " MB/s");
    header.resize(1 + 2 * carriers_.size(), "worst 10 s");
    lab::Table table(header);
    for (const auto& row : rows_) {
      std::vector<std::string> cells{row.loss};
      for (const auto& flow : row.flows) cells.push_back(megabytes(flow.bytes_per_second));
      for (const auto& flow : row.flows) cells.push_back(megabytes(flow.worst_window));
      table.add(std::move(cells));
    }
    say("\n" + table.text());
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < carriers_.size(); ++i) {
        if (carriers_[i].is_relayed) judge(carriers_[i], row.loss, row.flows[i]);
      }
    }
  }

  void judge(const Carrier& carrier, const std::string& loss, const Flow& flow) {
    const auto share = wan::parse_share(loss);
    const bool is_little = share && *share <= kLittleLoss;
    const double share_min = is_little ? kShareMin : kShareMinLossy;
    const double least = carrier.content == "text" ? 1.0 : share_min;
    demand(flow.bytes_per_second >= least * link_,
           fmt::format("{} at {}: {} MB/s, at least {:.0f} % of the link", carrier.name, loss,
                       megabytes(flow.bytes_per_second), least * 100));
    demand(flow.worst_window >= kWindowShareMin * link_,
           fmt::format("{} at {}: no 10 s below half of the link", carrier.name, loss));
  }

  void demand(bool is_so, const std::string& what) {
    say((is_so ? "ok     " : "FAILED ") + what);
    has_passed_ = has_passed_ && is_so;
  }

  static rt::Duration seconds(double time) {
    return std::chrono::duration_cast<rt::Duration>(std::chrono::duration<double>(time));
  }
  double now() const {
    return std::chrono::duration<double>(stage_.host().clock().now().since_start).count();
  }

  Stage& stage_;
  Ocean& ocean_;
  const Options options_;
  const std::vector<Carrier> carriers_;
  const double link_;  // bytes a second
  std::vector<Row> rows_;
  bool has_passed_ = true;
};

lab::Conditions conditions_of(const Options& options) {
  return {{"delay", options.delay},
          {"rate", options.rate},
          {"queue", options.queue},
          {"loss", options.losses.front()}};
}

BesideOptions beside_of(const Options& options) {
  return {.conditions = conditions_of(options),
          .bytes_per_second = options.megabytes_per_second * 1e6,
          .seconds = options.seconds,
          .warm_seconds = options.warm_seconds};
}

SteadyOptions steady_of(const Options& options, double link) {
  SteadyOptions steady;
  steady.conditions = conditions_of(options);
  steady.bytes_per_second = options.megabytes_per_second * 1e6;
  const auto loss = wan::parse_share(options.losses.front()).value_or(wan::Share{});
  steady.capacity_bytes_per_second = link * kPayloadShare * (1 - loss.of_one);
  steady.seconds = options.seconds;
  steady.warm_seconds = options.warm_seconds;
  steady.cuts = options.cuts;
  return steady;
}

rt::Task<Result<bool>> run_over(Stage& stage, Ocean& ocean, Options options,
                                std::vector<Carrier> carriers) {
  CO_TRY(const auto rate, wan::parse_rate(options.rate));
  const double link = static_cast<double>(rate.bytes_in(1s));
  if (options.is_steady) {
    auto steady = steady_of(options, link);
    co_return co_await run_steady(stage, ocean, std::move(steady), std::move(carriers));
  }
  if (options.is_beside) {
    auto beside = beside_of(options);
    co_return co_await run_beside(stage, ocean, std::move(beside), std::move(carriers));
  }
  WanBench bench(stage, ocean, std::move(options), std::move(carriers), link);
  CO_TRY_VOID(co_await bench.run());
  co_return bench.has_passed();
}

// The emulator runs in this process: a packet that it hands on late is late because of the machine, not of
// the path. What it starts has ordinary priority.
void run_before_others() {
  const sched_param priority{.sched_priority = 10};
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) == 0) return;
  say("no real-time priority: delays hold what the emulator itself is late");
}

rt::Task<int> wan(rt::Host& host, lab::Wish& wish, Options options) {
  const auto refuse = [](const Error& error) {
    say("bench wan: " + error.detail);
    return 1;
  };
  std::vector<Carrier> carriers;
  for (const auto& name : options.rows) {
    auto carrier = carrier_of(name);
    if (!carrier) co_return refuse(carrier.error());
    carriers.push_back(*std::move(carrier));
  }
  run_before_others();
  auto folder = lab::Folder::make(host, std::nullopt);
  if (!folder) co_return refuse(folder.error());
  Stage stage(host, wish, *std::move(folder));
  const auto lanes = options.one_by_one ? 1 : static_cast<std::uint32_t>(carriers.size());
  auto ocean = Ocean::make(host, lanes);
  if (!ocean) co_return refuse(ocean.error());
  const auto outcome = co_await run_over(stage, **ocean, std::move(options), std::move(carriers));
  co_await (*ocean)->stop();
  co_await stage.world().stop();
  if (!outcome) co_return refuse(outcome.error());
  co_return *outcome ? 0 : 1;
}

void declare(CLI::App& app, Options& options) {
  app.add_option(
         "--rows", options.rows,
         "reno, cubic, bbr, sluice, sluice-text; with flags of the relays, as sluice+stripes=8.")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--loss", options.losses, "Shares of the packets that are lost.")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--delay", options.delay, "Round trip.")->capture_default_str();
  app.add_option("--rate", options.rate, "Of the link.")->capture_default_str();
  app.add_option("--queue", options.queue, "Of the link.")->capture_default_str();
  app.add_option("--seconds", options.seconds, "Measured for each cell.")->capture_default_str();
  app.add_option("--warm", options.warm_seconds, "Before that.")->capture_default_str();
  app.add_option("--times", options.times, "Runs of each cell.")->capture_default_str();
  app.add_flag("--one-by-one", options.one_by_one, "Not all rows at once, each on its link.");
}

int run(int argc, char** argv) {
  if (const auto code = run_as_worker({argv, argv + argc})) return *code;
  CLI::App app("Throughput of one flow over an emulated ocean, for each carrier and loss.");
  Options table;
  bool is_quick = false;
  declare(app, table);
  app.add_flag("--quick", is_quick, "Three losses, 5 s each.");
  auto* command = app.add_subcommand("steady", "A paced flow: its delay, and cuts of the link.");
  Options steady;
  steady.is_steady = true;
  steady.seconds = 600;
  steady.losses = {"1%"};
  declare(*command, steady);
  command->add_option("--megabytes-per-second", steady.megabytes_per_second)->capture_default_str();
  command->add_option("--cuts", steady.cuts, "Seconds, one after the other; 0 for none.")
      ->delimiter(',')
      ->capture_default_str();
  auto* bulk = app.add_subcommand("beside", "A small flow's delay beside bulk on the same link.");
  Options beside;
  beside.is_beside = true;
  beside.rows = {"sluice"};
  beside.seconds = 60;
  beside.megabytes_per_second = 0.5;
  beside.losses = {"1%"};
  declare(*bulk, beside);
  bulk->add_option("--megabytes-per-second", beside.megabytes_per_second)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::erase(steady.cuts, 0);
  if (is_quick && app.count("--loss") == 0) table.losses = {"0.1%", "1%", "5%"};
  if (is_quick && app.count("--seconds") == 0) table.seconds = 5;
  const Options& usual = bulk->parsed() ? beside : table;
  const Options& options = command->parsed() ? steady : usual;
  return lab::run_session(
      [&options](rt::Host& host, lab::Wish& wish) { return wan(host, wish, options); });
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  return sluice::bench::run(argc, argv);
}
