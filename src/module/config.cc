#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>

#include "module/node.h"

namespace sluice::module {

namespace {

constexpr std::string_view kUsage =
    "; write: loadmodule sluice-geo.so region=NAME id=1..16 [allow-flush=yes|no] "
    "[unstable-bytes-max=BYTES] [away-min-ms=MS] [clock-ahead-max-ms=MS]";

tl::unexpected<Error> wrong(std::string what) {
  return fail(Errc::kRejected, std::move(what) + std::string(kUsage));
}

constexpr std::size_t kNameBytesMax = 64;

// It stands in lines of GEO.INFO and in tables. Letters beyond ASCII are letters.
bool is_of_a_name(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == ':';
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

Result<void> set(Config& config, std::string_view name, std::string_view value) {
  if (name == "region") {
    if (value.empty()) return wrong("region has no name");
    if (value.size() > kNameBytesMax || !std::ranges::all_of(value, is_of_a_name)) {
      return wrong("a region's name has at most " + std::to_string(kNameBytesMax) +
                   " bytes: letters, digits and any of -_.:");
    }
    config.region = value;
    return {};
  }
  if (name == "allow-flush") {
    if (value != "yes" && value != "no") return wrong("allow-flush is neither yes nor no");
    config.allow_flush = value == "yes";
    return {};
  }
  const auto amount = number(value);
  const bool is_known = name == "id" || name == "unstable-bytes-max" || name == "away-min-ms" ||
                        name == "clock-ahead-max-ms";
  if (!is_known) return wrong("unknown argument " + std::string(name));
  if (!amount) return wrong(std::string(name) + " is not a number: " + std::string(value));
  if (name == "unstable-bytes-max") config.limits.unstable_bytes_max = *amount;
  if (name == "away-min-ms") config.limits.away_min_ms = *amount;
  if (name == "clock-ahead-max-ms") config.limits.clock_ahead_max_ms = *amount;
  if (name == "id") {
    if (*amount < 1 || *amount > crdt::kRegionIdMax) return wrong("id must be from 1 to 16");
    config.id = static_cast<crdt::RegionId>(*amount);
  }
  return {};
}

}  // namespace

Result<Config> parse_config(const std::vector<std::string_view>& words) {
  Config config;
  std::set<std::string_view> seen;
  for (const auto word : words) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) return wrong("what is " + std::string(word));
    const auto name = word.substr(0, equals);
    if (!seen.insert(name).second) return wrong(std::string(name) + " is given twice");
    TRY_VOID(set(config, name, word.substr(equals + 1)));
  }
  if (config.id == 0) return wrong("id is missing");
  if (config.region.empty()) return wrong("region is missing");
  return config;
}

}  // namespace sluice::module
