// An LD_PRELOAD shim whose wall clock is off by what a control file says, and may be stepped while the program runs.
//
// FAULTCLOCK_CONTROL names a file of one int64, in milliseconds (harness/clock.py), which is mapped shared. The steady
// clock goes on as it does.
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

constexpr std::int64_t kMsPerSecond = 1000, kNsPerMs = 1'000'000, kUsPerMs = 1000;

const volatile std::int64_t* map_offset() {
  static const std::int64_t none = 0;
  const char* path = std::getenv("FAULTCLOCK_CONTROL");
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return &none;
  void* at = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return at == MAP_FAILED ? &none : static_cast<const volatile std::int64_t*>(at);
}

std::int64_t offset_ms() {
  static const volatile std::int64_t* const mapped = map_offset();
  return *mapped;
}

timespec shifted(timespec now) {
  const auto ms = offset_ms();
  auto ns = now.tv_nsec + ms % kMsPerSecond * kNsPerMs;
  now.tv_sec += ms / kMsPerSecond;
  constexpr auto kNsPerSecond = kMsPerSecond * kNsPerMs;
  if (ns < 0) now.tv_sec -= 1, ns += kNsPerSecond;
  if (ns >= kNsPerSecond) now.tv_sec += 1, ns -= kNsPerSecond;
  now.tv_nsec = ns;
  return now;
}

int real_clock(clockid_t clock, timespec* now) {
  using Function = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_gettime"));
  return real(clock, now);
}

timespec wall() {
  timespec now{};
  real_clock(CLOCK_REALTIME, &now);
  return shifted(now);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) {
  const int done = real_clock(clock, now);
  if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    *now = shifted(*now);
  return done;
}

int gettimeofday(timeval* now, void* /*zone*/) {
  const auto at = wall();
  now->tv_sec = at.tv_sec;
  now->tv_usec = at.tv_nsec / kUsPerMs;
  return 0;
}

time_t time(time_t* now) {
  const auto at = wall().tv_sec;
  if (now != nullptr) *now = at;
  return at;
}
}
