// A child process of this machine.
#pragma once

#include <memory>
#include <optional>
#include <sys/types.h>

#include "rt/descriptor.h"
#include "rt/process.h"

namespace sluice::rt {

class PosixProcess : public Process {
 public:
  static Result<std::unique_ptr<Process>> start(Loop& loop, const ProcessSpec& spec);

  PosixProcess(Loop& loop, pid_t pid, UniqueFd pidfd);
  ~PosixProcess() override;

  int pid() const override { return pid_; }
  void signal(int number) override;
  Task<int> wait() override;

 private:
  // True once the child has been reaped.
  bool reap(int flags);

  pid_t pid_;
  Descriptor pidfd_;
  std::optional<int> exit_code_;
};

}  // namespace sluice::rt
