// Reads a configuration file whole.
#pragma once

#include <string>

#include "base/result.h"

namespace sluice {

// The detail of a failure names the path. Files over a megabyte are refused.
Result<std::string> read_config_text(const std::string& path);

}  // namespace sluice
