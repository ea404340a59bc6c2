// `sluice delay`: reads the configuration, makes a core, runs the prober.
#include <cstdio>

#include "base/stderr_log.h"
#include "config_text.h"
#include "delay/config_load.h"
#include "delay/process.h"
#include "roles.h"
#include "rt/cores.h"
#include "rt/terminal.h"

namespace sluice {
namespace {

void write_out(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

int probe(const delay::Config& config) {
  const auto& settings = config.settings;
  base::StderrLog sink(settings.log_level,
                       settings.log_json ? base::LogFormat::kJson : base::LogFormat::kText);
  const base::Log log(sink);
  rt::Cores cores(1);
  const delay::Output output{.write = write_out,
                             .is_screen = !settings.json && rt::output_is_terminal()};
  delay::Process process(cores.host(0), config, output, log);
  if (const auto opened = process.open(); !opened) {
    log.error("cannot start", {{"why", opened.error()}});
    return kExitFailed;
  }
  if (settings.metrics) log.info("serving", {{"metrics", process.metrics_address()}});
  cores.on_stop_signal([&](int) { process.stop(); });
  cores.run_until_ended(process.run());
  const bool is_judged = settings.run_for.count() > 0;
  return !is_judged || process.is_well() ? kExitOk : kExitFailed;
}

}  // namespace

int run_delay(const Arguments& arguments) {
  const auto invocation = delay::read_invocation(arguments, read_config_text);
  if (!invocation) {
    std::fprintf(stderr, "sluice delay: %s\n", invocation.error().detail.c_str());
    return kExitUsage;
  }
  if (invocation->wants_help) {
    std::fputs(delay::help().c_str(), stdout);
    return kExitOk;
  }
  return probe(invocation->config);
}

}  // namespace sluice
