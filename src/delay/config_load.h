// From a command line and a file to the prober's Config.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "delay/config.h"

namespace sluice::delay {

struct Invocation {
  bool wants_help = false;
  Config config;  // unset if help is wanted
};

// Returns the content of the file at a path; the detail of a failure names the path.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

// Later ones win: defaults, the file, flags; a shard on the command line joins those of the file.
// kRejected: one line that says where, what is wrong and what would be right.
Result<Invocation> read_invocation(std::span<const std::string> arguments,
                                   const ReadFile& read_file);

Result<> check(const Config& config);

std::string help();       // of `sluice delay --help`
std::string reference();  // Markdown, for docs/

}  // namespace sluice::delay
