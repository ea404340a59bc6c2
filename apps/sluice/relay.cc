// `sluice relay`: reads the configuration, makes a core, runs the role; `sluice relay check ROUTE`.
#include <cstdio>

#include "base/stderr_log.h"
#include "config_text.h"
#include "relay/config_load.h"
#include "relay/process.h"
#include "relay/route_check.h"
#include "roles.h"
#include "rt/cores.h"
#include "rt/limits.h"

namespace sluice {
namespace {

// What is not in order leaves the relay as it is.
void reload(relay::Process& process, const Arguments& arguments, const base::Log& log) {
  const auto again = relay::read_invocation(arguments, read_config_text);
  if (again) return process.reload(again->config);
  log.error("not reloaded: the list as it was still holds", {{"why", again.error()}});
  process.reload_refused();
}

int serve(const relay::Config& config, const Arguments& arguments) {
  const auto& settings = config.settings;
  base::StderrLog sink(settings.log_level,
                       settings.log_json ? base::LogFormat::kJson : base::LogFormat::kText);
  const base::Log log(sink);
  const auto needed = relay::Process::descriptors_for(settings);
  if (const auto allowed = rt::allow_descriptors(needed); !allowed) {
    log.error("cannot start", {{"why", allowed.error()}, {"tunnels_max", settings.tunnels_max}});
    return kExitFailed;
  }
  rt::Cores cores(1);
  relay::Process process(cores.host(0), config, log);
  if (const auto opened = process.open(); !opened) {
    log.error("cannot start", {{"why", opened.error()}});
    return kExitFailed;
  }
  for (const auto& line : process.addresses()) log.info("serving", {{"at", line}});
  cores.on_stop_signal([&](int) { process.stop(); });
  cores.on_reload_signal([&] { reload(process, arguments, log); });
  cores.run_until_ended(process.run());
  log.info("stopped");
  return kExitOk;
}

int check_route(const Arguments& arguments) {
  const auto request = relay::read_check(arguments);
  if (!request) {
    std::fprintf(stderr, "sluice relay check: %s\n", request.error().detail.c_str());
    return kExitUsage;
  }
  if (request->wants_help) {
    std::fputs(relay::check_help().c_str(), stdout);
    return kExitOk;
  }
  rt::Cores cores(1);
  relay::RouteReport report;
  cores.run_until_ended(relay::check_route(cores.host(0), *request, report));
  std::fputs((request->settings.json ? to_json(report) : to_text(report)).c_str(), stdout);
  return report.is_ok() ? kExitOk : kExitFailed;
}

}  // namespace

int run_relay(const Arguments& arguments) {
  if (!arguments.empty() && arguments.front() == "check") {
    return check_route({arguments.begin() + 1, arguments.end()});
  }
  const auto invocation = relay::read_invocation(arguments, read_config_text);
  if (!invocation) {
    std::fprintf(stderr, "sluice relay: %s\n", invocation.error().detail.c_str());
    return kExitUsage;
  }
  if (invocation->wants_help) {
    std::fputs(relay::help().c_str(), stdout);
    return kExitOk;
  }
  return serve(invocation->config, arguments);
}

}  // namespace sluice
