// `sluice geo`: what joins regions that all take writes.
#include <algorithm>
#include <array>
#include <cstdio>

#include "base/stderr_log.h"
#include "config_text.h"
#include "geo/config_load.h"
#include "geo/mesh.h"
#include "geo/process.h"
#include "roles.h"
#include "rt/cores.h"

namespace sluice {
namespace {

constexpr const char* kUsage =
    "Usage: sluice geo COMMAND [OPTIONS]\n\n"
    "  link       carries the ops of other regions into ours; runs until it is stopped\n"
    "  status     who has what of whom, how far behind, what is not yet stable\n"
    "  verify     whether all regions hold the same; exit code 1 if not\n"
    "  conflicts  what was decided lately between concurrent writes\n"
    "  join       lets a region count as a member\n"
    "  detach     lets it count no more\n\n"
    "'sluice geo COMMAND --help' shows more of each.\n";

constexpr std::array<std::string_view, 5> kMeshCommands{"status", "verify", "conflicts", "join",
                                                        "detach"};

int link(const geo::Settings& settings) {
  base::StderrLog sink(settings.log_level,
                       settings.log_json ? base::LogFormat::kJson : base::LogFormat::kText);
  const base::Log log(sink);
  rt::Cores cores(1);
  geo::Process process(cores.host(0), settings, log);
  if (const auto opened = process.open(); !opened) {
    log.error("cannot start", {{"why", opened.error()}});
    return kExitFailed;
  }
  if (settings.metrics) log.info("serving", {{"metrics", process.metrics_address()}});
  cores.on_stop_signal([&](int) { process.stop(); });
  cores.run_until_ended(process.run());
  return kExitOk;
}

int run_link(const Arguments& arguments) {
  const auto invocation = geo::read_invocation(arguments, read_config_text);
  if (!invocation) {
    std::fprintf(stderr, "sluice geo link: %s\n", invocation.error().detail.c_str());
    return kExitUsage;
  }
  if (invocation->wants_help) {
    std::fputs(geo::help().c_str(), stdout);
    return kExitOk;
  }
  return link(invocation->settings);
}

rt::Task<void> look(rt::Host& host, const geo::MeshInvocation& invocation, int& exit_code) {
  const auto outcome = co_await geo::run_mesh(host, invocation);
  if (!outcome) {
    std::fprintf(stderr, "sluice geo %s: %s\n", invocation.command.c_str(),
                 outcome.error().detail.c_str());
    exit_code = kExitFailed;
    co_return;
  }
  std::fputs(outcome->text.c_str(), stdout);
  exit_code = outcome->is_well ? kExitOk : kExitFailed;
}

int run_on_mesh(const Arguments& arguments) {
  const auto invocation = geo::read_mesh_invocation(arguments, read_config_text);
  if (!invocation) {
    std::fprintf(stderr, "sluice geo %s: %s\n", arguments.front().c_str(),
                 invocation.error().detail.c_str());
    return kExitUsage;
  }
  if (invocation->wants_help) {
    std::fputs(geo::mesh_help().c_str(), stdout);
    return kExitOk;
  }
  rt::Cores cores(1);
  int exit_code = kExitFailed;
  cores.run_until_ended(look(cores.host(0), *invocation, exit_code));
  return exit_code;
}

}  // namespace

int run_geo(const Arguments& arguments) {
  if (arguments.empty()) {
    std::fputs(kUsage, stderr);
    return kExitUsage;
  }
  const auto& word = arguments.front();
  if (word == "link") return run_link({arguments.begin() + 1, arguments.end()});
  if (std::ranges::find(kMeshCommands, word) != kMeshCommands.end()) {
    return run_on_mesh(arguments);
  }
  if (word == "--help" || word == "-h" || word == "help") {
    std::fputs(kUsage, stdout);
    return kExitOk;
  }
  std::fprintf(stderr, "sluice geo: there is no '%s'\n%s", word.c_str(), kUsage);
  return kExitUsage;
}

}  // namespace sluice
