// `sluice keeper`: reads the configuration, makes the cores, runs the role.
#include <algorithm>
#include <cstdio>

#include "base/stderr_log.h"
#include "config_text.h"
#include "keeper/config_load.h"
#include "keeper/process.h"
#include "roles.h"
#include "rt/cores.h"
#include "rt/usage.h"

namespace sluice {
namespace {

int serve(keeper::Invocation invocation) {
  const auto& settings = invocation.config.process;
  base::StderrLog sink(settings.log_level,
                       settings.log_json ? base::LogFormat::kJson : base::LogFormat::kText);
  const base::Log log(sink);
  const auto shards = static_cast<unsigned>(invocation.config.shards.size());
  rt::Cores cores(std::min(settings.cores == 0 ? rt::cpu_count() : settings.cores, shards));
  std::vector<rt::Host*> hosts;
  hosts.reserve(cores.count());
  for (std::size_t core = 0; core < cores.count(); ++core) hosts.push_back(&cores.host(core));

  keeper::Process process(hosts, {std::move(invocation.config), invocation.config_file, version()},
                          log);
  if (const auto opened = process.open(); !opened) {
    log.error("cannot start", {{"why", opened.error()}});
    return kExitFailed;
  }
  for (const auto& line : process.addresses()) log.info("serving", {{"shard", line}});
  cores.on_stop_signal([&](int) { process.stop(); });
  cores.run_until_ended(process.run());
  log.info("stopped");
  return kExitOk;
}

}  // namespace

int run_keeper(const Arguments& arguments) {
  auto invocation = keeper::read_invocation(arguments, read_config_text);
  if (!invocation) {
    std::fprintf(stderr, "sluice keeper: %s\n", invocation.error().detail.c_str());
    return kExitUsage;
  }
  if (invocation->wants_help) {
    std::fputs(keeper::help().c_str(), stdout);
    return kExitOk;
  }
  return serve(*std::move(invocation));
}

}  // namespace sluice
