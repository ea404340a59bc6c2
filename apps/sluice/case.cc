// `sluice case NAME`
#include <CLI/CLI.hpp>

#include "cases/cases.h"
#include "roles.h"

namespace sluice {

int run_case(const Arguments& arguments) {
  CLI::App app("Plays one of the cases with real servers on this machine and checks its outcome.",
               "sluice case");
  app.require_subcommand(1);
  cases::Options options;
  const cases::Case* chosen = nullptr;
  for (const auto& one : cases::kCases) {
    auto* command = app.add_subcommand(std::string(one.name), std::string(one.summary));
    command->add_flag("--quick", options.is_quick, "Small data, under a minute.");
    command->add_option("--keys", options.keys, "Size of the data set; 0: what the case takes.");
    command->callback([&chosen, &one] { chosen = &one; });
  }
  Arguments reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kExitOk : kExitUsage;
  }
  return chosen->run(options) == 0 ? kExitOk : kExitFailed;
}

}  // namespace sluice
