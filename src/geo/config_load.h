// From a command line and a file to the link's Settings.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "geo/config.h"

namespace sluice::geo {

struct Invocation {
  bool wants_help = false;
  Settings settings;  // unset if help is wanted
};

// Returns the content of the file at a path; the detail of a failure names the path.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

// Later ones win: defaults, the file, flags. kRejected: one line that says where, what is wrong and
// what would be right.
Result<Invocation> read_invocation(std::span<const std::string> arguments,
                                   const ReadFile& read_file);

Result<> check(const Settings& settings);

std::string help();       // of `sluice geo link --help`
std::string reference();  // Markdown, for docs/

}  // namespace sluice::geo
