#include "lab/usage.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "lab/folder.h"

namespace sluice::lab {
namespace {

constexpr double kTicksPerSecond = 100;  // USER_HZ, the same on every Linux of ours

std::uint64_t number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_of("0123456789"), text.size()));
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::uint64_t field(std::string_view status, std::string_view name) {
  const auto at = status.find(name);
  return at == std::string_view::npos ? 0 : number(status.substr(at + name.size()));
}

}  // namespace

Result<Usage> parse_usage(std::string_view stat, std::string_view status) {
  // The second field is the program's name in brackets and may hold anything.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return fail(Errc::kRejected, "not a /proc/PID/stat");
  std::vector<std::string_view> fields;
  for (auto rest = stat.substr(name_end + 1); !rest.empty();) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const auto end = std::min(rest.find(' '), rest.size());
    fields.push_back(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  if (fields.size() < 13) return fail(Errc::kRejected, "/proc/PID/stat is short");
  return Usage{
      .cpu_seconds = static_cast<double>(number(fields[11]) + number(fields[12])) / kTicksPerSecond,
      .resident_bytes = field(status, "VmRSS:") * 1024,
      .resident_bytes_max = field(status, "VmHWM:") * 1024,
      .threads = field(status, "Threads:"),
  };
}

Result<Usage> usage_of(rt::Host& host, int pid) {
  TRY(auto proc, host.directory("/proc/" + std::to_string(pid)));
  TRY(const auto stat, read_text(*proc, "stat"));
  TRY(const auto status, read_text(*proc, "status"));
  return parse_usage(stat, status);
}

}  // namespace sluice::lab
