#include "rt/terminal.h"

#include <unistd.h>

namespace sluice::rt {

bool output_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace sluice::rt
