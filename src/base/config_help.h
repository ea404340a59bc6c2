// What a role can be told, for people: --help and a table for the docs.
#pragma once

#include <string>

#include "base/config.h"

namespace sluice::base {

// One paragraph per setting: flag, meaning, unit, bounds, default.
std::string help_text(const Settings& settings);

// A Markdown table with the same.
std::string markdown_table(const Settings& settings);

}  // namespace sluice::base
