// From a command line and a file to a keeper's Config, and back to a file.
//
// Later ones win: defaults, the file's top-level keys, the keys of a [[shard]], flags. Without
// [[shard]] there is one shard; with them, each begins as a copy of the top-level keys.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "keeper/config.h"

namespace sluice::keeper {

struct Invocation {
  bool wants_help = false;
  std::string config_file;  // of --config; empty if absent
  Config config;            // unset if help is wanted
};

// Returns the content of the file at a path; the detail of a failure names the path.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

// kRejected: one line that says where, what is wrong and what would be right.
Result<Invocation> read_invocation(std::span<const std::string> arguments,
                                   const ReadFile& read_file);

// What the tables of fields cannot say of one setting alone. CONFIG SET calls it on a changed copy
// before it takes effect.
Result<> check(const ShardConfig& shard);
Result<> check(const Config& config);

std::string help();       // of `sluice keeper --help`
std::string reference();  // Markdown, for docs/

// TOML that read_invocation() reads back. Holds secrets.
std::string to_toml(const Config& config);

}  // namespace sluice::keeper
