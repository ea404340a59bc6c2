#include "wan/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

#include "base/duration.h"

namespace sluice::wan {
namespace {

struct Unit {
  std::string_view name;
  double bits;
};

constexpr std::array kUnits{Unit{"gbit", 1e9}, Unit{"mbit", 1e6}, Unit{"kbit", 1e3},
                            Unit{"bit", 1}};
constexpr double kRateMax = 1e12;

// A number and what follows it; no number is kRejected.
struct Amount {
  double number;
  std::string_view unit;
};

std::optional<Amount> amount_of(std::string_view text) {
  double number = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
  return Amount{number, {end, last}};
}

tl::unexpected<Error> wrong(std::string_view text, std::string_view what) {
  return fail(Errc::kRejected, fmt::format("'{}' {}", text, what));
}

}  // namespace

std::chrono::nanoseconds Rate::time_for(std::uint64_t bytes) const {
  const double ns = static_cast<double>(bytes) * 8e9 / static_cast<double>(bits_per_second);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
}

std::uint64_t Rate::bytes_in(std::chrono::nanoseconds time) const {
  const double seconds = std::chrono::duration<double>(time).count();
  return static_cast<std::uint64_t>(seconds * static_cast<double>(bits_per_second) / 8);
}

Result<Share> parse_share(std::string_view text) {
  const auto amount = amount_of(text);
  if (!amount) return wrong(text, "is not a share of the packets: write for example 1% or 0.05%");
  if (amount->number == 0 && amount->unit.empty()) return Share{0};
  if (amount->unit != "%") {
    return wrong(text, "has no percent sign: write for example 1% or 0.05%");
  }
  if (amount->number > 100) return wrong(text, "is more than all packets: 100% is the most");
  return Share{amount->number / 100};
}

Result<Rate> parse_rate(std::string_view text) {
  const auto amount = amount_of(text);
  if (!amount) return wrong(text, "is not a rate: write for example 200mbit, or 0 for no limit");
  if (amount->number == 0 && amount->unit.empty()) return Rate{0};
  for (const auto& unit : kUnits) {
    if (unit.name != amount->unit) continue;
    const double bits = amount->number * unit.bits;
    if (bits > kRateMax) return wrong(text, "is too fast");
    if (bits < 1000) return wrong(text, "is slower than 1kbit; 0 means no limit");
    return Rate{static_cast<std::uint64_t>(std::llround(bits))};
  }
  return wrong(text, "has no known unit: write kbit, mbit or gbit (a second)");
}

Result<QueueLimit> parse_queue_limit(std::string_view text) {
  if (const auto time = base::parse_duration(text)) return QueueLimit(*time);
  if (const auto size = base::parse_byte_size(text)) return QueueLimit(*size);
  return wrong(text, "is not the length of a queue: write for example 100ms or 512KiB");
}

std::string to_string(Share share) {
  return fmt::format("{:.10g}%", share.of_one * 100);
}

std::string to_string(Rate rate) {
  if (rate.bits_per_second == 0) return "0";
  for (const auto& unit : kUnits) {
    const auto bits = static_cast<std::uint64_t>(unit.bits);
    if (rate.bits_per_second % bits != 0) continue;
    return fmt::format("{}{}", rate.bits_per_second / bits, unit.name);
  }
  return fmt::format("{}bit", rate.bits_per_second);
}

std::string to_string(const QueueLimit& limit) {
  if (const auto* time = std::get_if<std::chrono::nanoseconds>(&limit)) {
    return base::to_string(*time);
  }
  return base::to_string(std::get<base::ByteSize>(limit));
}

}  // namespace sluice::wan
