// Runs blocking file work off the loop, in a few lanes that each keep their order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "rt/task.h"

namespace sluice::rt {

// Work in one lane runs one piece after another; lanes run beside each other. A process has these
// lanes once, however many shards it serves.
enum class Lane : std::uint8_t {
  kAppend,  // writes at the log's end
  kSync,    // fsync, which may take long and must not hold up appends
  kRead     // reads and checks of what is not in memory, scans, removal of old files
};

class Disk {
 public:
  virtual ~Disk() = default;

  // Resumes on the calling core once `work` has run. `work` may touch only what no other task
  // touches meanwhile; it must not throw. Runs to its end even if the caller is being stopped.
  virtual Task<void> run(Lane lane, std::function<void()> work) = 0;
};

// Runs `work` and returns its value.
//
//   const auto entry = co_await on_disk(disk, Lane::kRead, [&] { return index.find(offset); });
//
// g++ 12: name the lambda first when it captures (CONTRIBUTING.md, "Coroutines").
template <typename Work>
Task<std::invoke_result_t<Work&>> on_disk(Disk& disk, Lane lane, Work work) {
  std::optional<std::invoke_result_t<Work&>> value;
  std::function<void()> job = [&] { value.emplace(work()); };
  co_await disk.run(lane, std::move(job));
  co_return *std::move(value);
}

}  // namespace sluice::rt
