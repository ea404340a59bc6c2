// Command lines: --key-with-dashes VALUE for every setting, to assignments.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/config.h"

namespace sluice::base {

struct CommandLine {
  bool wants_help = false;
  std::string config_file;              // of --config; empty if absent
  std::vector<Assignment> assignments;  // in the order of the settings
  std::vector<std::string> words;       // what is no flag
};

// Both `--key VALUE` and `--key=VALUE`; a boolean also as `--key` and `--no-key`; lists by
// repeating the flag. kRejected names an unknown flag, and the nearest one.
Result<CommandLine> parse_command_line(std::span<const std::string> arguments,
                                       std::span<const Settings* const> settings);

}  // namespace sluice::base
