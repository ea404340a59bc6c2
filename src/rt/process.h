// A child process, for the private redis-server that replays a snapshot, and for the lab.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "rt/task.h"

namespace sluice::rt {

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  std::string standard_input;     // written to the child, then closed: secrets go here, not in argv
  std::string output_file;        // standard output and error are appended here; empty: discarded
  std::string working_directory;  // empty: ours
};

// Dies with this process (PR_SET_PDEATHSIG), and is killed and reaped when destroyed.
class Process {
 public:
  virtual ~Process() = default;

  virtual int pid() const = 0;
  virtual void signal(int number) = 0;

  // The exit code, or 128 + the signal that ended it.
  virtual Task<int> wait() = 0;
};

}  // namespace sluice::rt
