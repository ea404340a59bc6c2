// Configuration files: TOML to assignments, and settings back to TOML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

namespace sluice::base {

struct ConfigTable {
  std::vector<Assignment> assignments;
  std::string where;
};

// Top-level keys, and the tables of each [[name]] in the file's order.
struct ConfigFile {
  ConfigTable top;
  std::vector<ConfigTable> tables;
};

// `file_name` is for messages. Only arrays of tables called `table_name` are allowed, no others.
// kRejected: "keeper.toml:12: ..." in one line.
Result<ConfigFile> parse_config_file(std::string_view text, std::string_view file_name,
                                     std::string_view table_name);

// `key = value` lines of those settings that differ from their defaults, secrets included.
std::string to_toml(const Settings& settings);

}  // namespace sluice::base
