// `sluice lab`
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "lab/mesh_control.h"
#include "lab/up.h"
#include "roles.h"
#include "rt/terminal.h"

namespace sluice {
namespace {

const std::map<std::string, std::int64_t> kMilliseconds{
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};

bool is_order(const std::string& word) {
  return word == "cut" || word == "heal" || word == "kill";
}

// cut|heal|kill REGION [--name NAME]
int tell(const Arguments& words) {
  std::string name = lab::kMeshName;
  const bool has_name = words.size() == 4 && words[2] == "--name";
  if (has_name) name = words[3];
  const bool wants_help = words.size() == 2 && (words[1] == "--help" || words[1] == "-h");
  if ((words.size() != 2 && !has_name) || wants_help) {
    std::fprintf(wants_help ? stdout : stderr,
                 "sluice lab: say 'sluice lab %s REGION [--name NAME]'\n", words[0].c_str());
    return wants_help ? kExitOk : kExitUsage;
  }
  const auto answer = lab::tell_mesh(name, words[0], words[1]);
  if (!answer) {
    std::fprintf(stderr, "sluice lab: %s\n", answer.error().detail.c_str());
    return kExitFailed;
  }
  std::puts(answer->c_str());
  return kExitOk;
}

}  // namespace

int run_lab(const Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "wan") {
    return run_lab_wan({arguments.begin() + 1, arguments.end()});
  }
  if (!arguments.empty() && is_order(arguments[0])) return tell(arguments);
  if (!arguments.empty() && !arguments[0].starts_with('-') && arguments[0] != "up") {
    std::fprintf(stderr, "sluice lab: there is no '%s': say up, cut, heal, kill or wan\n",
                 arguments[0].c_str());
    return kExitUsage;
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
      ->check(CLI::Range(1, 3))
      ->capture_default_str();
  up->add_flag("--active-active", options.is_active_active,
               "2 or 3 regions that all take writes, each with traffic of its own: masters with "
               "sluice-geo.so, keepers, links. `sluice lab cut|heal|kill REGION` while it runs.");
  up->add_option("--name", options.mesh_name, "What `sluice lab cut --name` calls those regions.")
      ->capture_default_str();
  up->add_option("--wan-name", options.wan_name, "What `sluice lab wan --name` calls that ocean.")
      ->capture_default_str();
  for (const char* order : {"cut", "heal", "kill"}) {
    app.add_subcommand(order, "A region of `lab up --active-active`: REGION [--name NAME].");
  }
  app.add_subcommand("wan", "An emulated WAN between hosts of their own; see wan --help.");
  Arguments reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kExitOk : kExitUsage;
  }
  if (options.is_active_active ? options.regions < 2 : options.regions > 2) {
    std::fprintf(stderr, "sluice lab: %s\n",
                 options.is_active_active ? "--active-active takes --regions 2 or 3"
                                          : "three regions are possible with --active-active");
    return kExitUsage;
  }
  options.run_for = std::chrono::milliseconds(run_for_ms);
  options.is_terminal = rt::output_is_terminal();
  return lab::run_up(options);
}

}  // namespace sluice
