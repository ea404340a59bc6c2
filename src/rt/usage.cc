#include "rt/usage.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace sluice::rt {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

Usage usage() {
  Usage result;
  rusage cpu{};
  ::getrusage(RUSAGE_SELF, &cpu);
  result.cpu_user_seconds = seconds(cpu.ru_utime);
  result.cpu_system_seconds = seconds(cpu.ru_stime);
  struct sysinfo machine{};
  ::sysinfo(&machine);
  result.memory_total_bytes = std::uint64_t{machine.totalram} * machine.mem_unit;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") {
      status >> result.memory_rss_bytes;
      result.memory_rss_bytes *= 1024;
    }
    if (word == "Threads:") status >> result.threads;
  }
  return result;
}

unsigned cpu_count() {
  return std::max(1U, std::thread::hardware_concurrency());
}

std::uint64_t process_id() {
  return static_cast<std::uint64_t>(::getpid());
}

std::string executable_path() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

std::string system_name() {
  utsname name{};
  ::uname(&name);
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

}  // namespace sluice::rt
