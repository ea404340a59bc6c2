// An LD_PRELOAD shim that makes writes and syncs of chosen files fail, as a control file says.
//
// FAULTFS_CONTROL names a file of kRules rules (layout below, written by harness/faults.py), which is
// mapped shared: a test arms a rule while the program runs, and reads how often it fired.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

// Mirrored by struct.Struct in harness/faults.py.
struct Rule {
  std::uint32_t armed;
  char op[12];         // "write" or "sync"
  char pattern[112];   // a part of the file's path
  std::int32_t error;  // errno to fail with; 0: no failure, only a delay or a short write
  std::int32_t
      short_of;  // write: at most this many bytes reach the file; -1: none, or all if error is 0
  std::int64_t skip;      // calls that pass before the first that fails
  std::int64_t limit;     // calls that fail; -1: all
  std::int64_t delay_ms;  // before the call
  std::int64_t seen;
  std::int64_t fired;
};
static_assert(sizeof(Rule) == 176);

constexpr std::size_t kRules = 16;

Rule* map_rules() {
  const char* path = std::getenv("FAULTFS_CONTROL");
  if (path == nullptr) return nullptr;
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* at = mmap(nullptr, sizeof(Rule) * kRules, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return at == MAP_FAILED ? nullptr : static_cast<Rule*>(at);
}

Rule* rules() {
  static Rule* const mapped = map_rules();
  return mapped;
}

template <typename Function>
Function next(Function& cached, const char* name) {
  if (cached == nullptr) cached = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
  return cached;
}

bool path_has(int file, const char* pattern) {
  std::array<char, 64> link{};
  std::array<char, 4096> path{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", file);
  const auto count = readlink(link.data(), path.data(), path.size() - 1);
  return count > 0 && path[0] == '/' && std::strstr(path.data(), pattern) != nullptr;
}

// The rule that fires for this call, or null.
Rule* fire(const char* op, int file) {
  Rule* all = rules();
  if (all == nullptr) return nullptr;
  for (std::size_t i = 0; i < kRules; ++i) {
    Rule& rule = all[i];
    if (__atomic_load_n(&rule.armed, __ATOMIC_ACQUIRE) == 0 || std::strcmp(rule.op, op) != 0) {
      continue;
    }
    if (!path_has(file, rule.pattern)) continue;
    if (__atomic_fetch_add(&rule.seen, 1, __ATOMIC_RELAXED) < rule.skip) continue;
    const auto before = __atomic_fetch_add(&rule.fired, 1, __ATOMIC_RELAXED);
    if (rule.limit < 0 || before < rule.limit) {
      usleep(static_cast<useconds_t>(rule.delay_ms * 1000));
      return &rule;
    }
    __atomic_fetch_sub(&rule.fired, 1, __ATOMIC_RELAXED);
  }
  return nullptr;
}

// Writes what the rule lets through by `write_some(bytes)`, then fails or reports a short write.
template <typename WriteSome>
ssize_t faulty_write(const Rule& rule, std::size_t count, WriteSome write_some) {
  if (rule.error == 0 && rule.short_of < 0) return write_some(count);
  ssize_t written = 0;
  if (rule.short_of >= 0) {
    written = write_some(std::min(count, static_cast<std::size_t>(rule.short_of)));
  }
  if (rule.error == 0) return written;
  errno = rule.error;
  return -1;
}

using WriteCall = ssize_t (*)(int, const void*, std::size_t);
using PwriteCall = ssize_t (*)(int, const void*, std::size_t, off_t);
using WritevCall = ssize_t (*)(int, const iovec*, int);
using PwritevCall = ssize_t (*)(int, const iovec*, int, off_t);
using SyncCall = int (*)(int);

WriteCall real_write = nullptr;
PwriteCall real_pwrite = nullptr;
WritevCall real_writev = nullptr;
PwritevCall real_pwritev = nullptr;
SyncCall real_fsync = nullptr;
SyncCall real_fdatasync = nullptr;

ssize_t pwrite_checked(int file, const void* bytes, std::size_t count, off_t at) {
  const auto call = next(real_pwrite, "pwrite64");
  const Rule* rule = fire("write", file);
  if (rule == nullptr) return call(file, bytes, count, at);
  return faulty_write(*rule, count, [&](std::size_t some) { return call(file, bytes, some, at); });
}

ssize_t pwritev_checked(int file, const iovec* parts, int count, off_t at) {
  const Rule* rule = fire("write", file);
  if (rule == nullptr) return next(real_pwritev, "pwritev64")(file, parts, count, at);
  return faulty_write(*rule, parts[0].iov_len, [&](std::size_t some) {
    return next(real_pwrite, "pwrite64")(file, parts[0].iov_base, some, at);
  });
}

int sync_checked(SyncCall call, int file) {
  const Rule* rule = fire("sync", file);
  if (rule == nullptr || rule->error == 0) return call(file);
  errno = rule->error;
  return -1;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, std::size_t count) {
  const auto call = next(real_write, "write");
  const Rule* rule = fire("write", file);
  if (rule == nullptr) return call(file, bytes, count);
  return faulty_write(*rule, count, [&](std::size_t some) { return call(file, bytes, some); });
}

ssize_t writev(int file, const iovec* parts, int count) {
  const Rule* rule = fire("write", file);
  if (rule == nullptr) return next(real_writev, "writev")(file, parts, count);
  return faulty_write(*rule, parts[0].iov_len, [&](std::size_t some) {
    return next(real_write, "write")(file, parts[0].iov_base, some);
  });
}

ssize_t pwrite(int file, const void* bytes, std::size_t count, off_t at) {
  return pwrite_checked(file, bytes, count, at);
}
ssize_t pwrite64(int file, const void* bytes, std::size_t count, off_t at) {
  return pwrite_checked(file, bytes, count, at);
}
ssize_t pwritev(int file, const iovec* parts, int count, off_t at) {
  return pwritev_checked(file, parts, count, at);
}
ssize_t pwritev64(int file, const iovec* parts, int count, off_t at) {
  return pwritev_checked(file, parts, count, at);
}

int fsync(int file) {
  return sync_checked(next(real_fsync, "fsync"), file);
}
int fdatasync(int file) {
  return sync_checked(next(real_fdatasync, "fdatasync"), file);
}

}  // extern "C"
