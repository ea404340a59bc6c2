#include "rt/limits.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <sys/resource.h>

#include "rt/address.h"

namespace sluice::rt {

Result<> allow_descriptors(std::uint64_t needed) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail(Errc::kRejected, "asking for the limit of open files: " + reason(errno));
  }
  if (limit.rlim_cur >= needed) return {};
  limit.rlim_cur = needed;
  limit.rlim_max = std::max<rlim_t>(limit.rlim_max, needed);  // root may raise it too
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return {};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  return fail(Errc::kRejected, std::to_string(needed) + " open files are needed and " +
                                   std::to_string(limit.rlim_max) +
                                   " allowed: raise the limit (ulimit -Hn, LimitNOFILE)");
}

}  // namespace sluice::rt
