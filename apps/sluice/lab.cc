// `sluice lab`
#include <CLI/CLI.hpp>
#include <algorithm>

#include "lab/up.h"
#include "roles.h"
#include "rt/terminal.h"

namespace sluice {
namespace {

const std::map<std::string, std::int64_t> kMilliseconds{
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};

}  // namespace

int run_lab(const Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "wan") {
    return run_lab_wan({arguments.begin() + 1, arguments.end()});
  }
  CLI::App app("Runs a small system of real processes on this machine.", "sluice lab");
  app.require_subcommand(1);
  lab::UpOptions options;
  std::int64_t run_for_ms = 0;
  auto* up = app.add_subcommand("up", "A master with traffic, a keeper, replicas behind it.");
  up->add_option("--for", run_for_ms, "Stop by itself after this long, such as 30s or 5m.")
      ->transform(
          CLI::AsNumberWithUnit(kMilliseconds, CLI::AsNumberWithUnit::UNIT_REQUIRED, "TIME"));
  up->add_option("--dir", options.dir, "Keep all files here instead of in a temporary folder.");
  up->add_option("--rate", options.rate, "Commands a second.")->capture_default_str();
  up->add_option("--keys", options.keys, "Keys of each kind that are written.")
      ->capture_default_str();
  up->add_option("--replicas", options.replicas, "Stock replicas behind the keeper.")
      ->capture_default_str();
  up->add_option("--regions", options.regions,
                 "2: a second region across an emulated ocean, with relays, a keeper and replicas "
                 "of its own; needs root. `sluice lab wan` changes the ocean while it runs.")
      ->check(CLI::Range(1, 2))
      ->capture_default_str();
  up->add_option("--wan-name", options.wan_name, "What `sluice lab wan --name` calls that ocean.")
      ->capture_default_str();
  app.add_subcommand("wan", "An emulated WAN between hosts of their own; see wan --help.");
  Arguments reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kExitOk : kExitUsage;
  }
  options.run_for = std::chrono::milliseconds(run_for_ms);
  options.is_terminal = rt::output_is_terminal();
  return lab::run_up(options);
}

}  // namespace sluice
