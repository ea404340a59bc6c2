#include "base/duration.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>

namespace sluice::base {
namespace {

using std::chrono::nanoseconds;

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

constexpr Unit kWeek{"w", nanoseconds(std::chrono::hours(7 * 24)).count()};  // read, not written
constexpr std::array kUnits{
    Unit{"d", nanoseconds(std::chrono::hours(24)).count()},
    Unit{"h", nanoseconds(std::chrono::hours(1)).count()},
    Unit{"m", nanoseconds(std::chrono::minutes(1)).count()},
    Unit{"s", nanoseconds(std::chrono::seconds(1)).count()},
    Unit{"ms", 1'000'000},
    Unit{"us", 1'000},
    Unit{"ns", 1},
};

std::int64_t unit_ns(std::string_view name) {
  if (name == kWeek.name) return kWeek.ns;
  for (const auto& unit : kUnits) {
    if (unit.name == name) return unit.ns;
  }
  return 0;
}

}  // namespace

Result<nanoseconds> parse_duration(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return fail(Errc::kRejected, fmt::format("'{}' {}", text, what));
  };
  const auto* const last = text.data() + text.size();
  std::int64_t amount = 0;
  const auto [end, error] = std::from_chars(text.data(), last, amount);
  if (error == std::errc::result_out_of_range) return wrong("is too long");
  if (error != std::errc{} || amount < 0) {
    return wrong("is not a length of time: write for example 7d, 30s or 100ms");
  }
  if (amount == 0 && end == last) return nanoseconds{0};
  const auto unit = unit_ns({end, last});
  if (unit == 0) return wrong("has no known unit: write ms, s, m, h or d");
  if (amount > nanoseconds::max().count() / unit) return wrong("is too long");
  return nanoseconds{amount * unit};
}

std::string to_string(nanoseconds duration) {
  const auto ns = duration.count();
  for (const auto& unit : kUnits) {
    if (ns != 0 && ns % unit.ns == 0) return fmt::format("{}{}", ns / unit.ns, unit.name);
  }
  return "0";
}

std::string to_rounded(nanoseconds duration) {
  const auto ns = duration.count();
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const auto& unit = kUnits[i];
    if (ns < unit.ns) continue;
    const auto whole = ns / unit.ns;
    const bool is_clock = i < 3;  // days, hours, minutes: the next unit says more than a decimal
    if (!is_clock) return fmt::format("{}{}", whole, unit.name);
    const auto& next = kUnits[i + 1];
    return fmt::format("{}{} {}{}", whole, unit.name, ns % unit.ns / next.ns, next.name);
  }
  return "0s";
}

}  // namespace sluice::base
