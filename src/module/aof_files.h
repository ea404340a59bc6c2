// Where a server's AOF is: a manifest and the files that it names, in their order (aof.c of 7.0).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "module/aof_tail.h"

namespace sluice::module {

// Names of the files that are loaded: not of those whose time is over. kProtocol: it is no manifest.
Result<std::vector<std::string>> aof_files(std::string_view manifest);

// Gives what is in the file at `path`, piece by piece, until `take` wants no more. kNotFound, kDiskFailed, and the errors
// of `take`.
using TakeBytes = std::function<Result<bool>(std::string_view)>;
using ReadFile = Result<void> (*)(const std::string& path, const TakeBytes& take);

// Of an AOF as it is on disk now.
Result<AofTail> read_aof_tail(ReadFile read, const std::string& folder,
                              const std::string& manifest);

}  // namespace sluice::module
