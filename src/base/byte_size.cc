#include "base/byte_size.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <fmt/format.h>
#include <limits>

namespace sluice::base {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr std::array kBinary{Unit{"TiB", 1ULL << 40}, Unit{"GiB", 1ULL << 30},
                             Unit{"MiB", 1ULL << 20}, Unit{"KiB", 1ULL << 10}};
constexpr std::array kDecimal{Unit{"TB", 1'000'000'000'000},
                              Unit{"GB", 1'000'000'000},
                              Unit{"MB", 1'000'000},
                              Unit{"KB", 1'000},
                              Unit{"B", 1},
                              Unit{"", 1}};

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::uint64_t unit_bytes(std::string_view name) {
  for (const auto& unit : kBinary) {
    if (same_letters(unit.name, name)) return unit.bytes;
  }
  for (const auto& unit : kDecimal) {
    if (same_letters(unit.name, name)) return unit.bytes;
  }
  return 0;
}

}  // namespace

Result<ByteSize> parse_byte_size(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return fail(Errc::kRejected, fmt::format("'{}' {}", text, what));
  };
  const auto* const last = text.data() + text.size();
  std::uint64_t amount = 0;
  const auto [end, error] = std::from_chars(text.data(), last, amount);
  if (error == std::errc::result_out_of_range) return wrong("is too large");
  if (error != std::errc{}) return wrong("is not a size: write for example 64GiB, 256MB or 4096");
  const auto unit = unit_bytes({end, last});
  if (unit == 0) return wrong("has no known unit: write KiB, MiB, GiB, TiB, KB, MB, GB or TB");
  if (amount > std::numeric_limits<std::uint64_t>::max() / unit) return wrong("is too large");
  return ByteSize{amount * unit};
}

std::string to_string(ByteSize size) {
  for (const auto& unit : kBinary) {
    if (size.bytes != 0 && size.bytes % unit.bytes == 0) {
      return fmt::format("{}{}", size.bytes / unit.bytes, unit.name);
    }
  }
  return std::to_string(size.bytes);
}

std::string to_rounded(ByteSize size) {
  for (const auto& unit : kBinary) {
    if (size.bytes < unit.bytes) continue;
    return fmt::format(
        "{:.1f} {}", static_cast<double>(size.bytes) / static_cast<double>(unit.bytes), unit.name);
  }
  return fmt::format("{} B", size.bytes);
}

}  // namespace sluice::base
