// Which part a process of a bench plays: the bench itself, or one of its workers.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sluice::bench {

// Runs the worker named by "worker NAME ..." and returns its exit code; nothing if `argv` is the
// bench's own.
std::optional<int> run_as_worker(const std::vector<std::string>& argv);

}  // namespace sluice::bench
