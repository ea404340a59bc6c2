#include "lab/workload.h"

#include <algorithm>
#include <string_view>

namespace sluice::lab {

Workload::Workload(WorkloadOptions options)
    : options_(options), state_(options.seed * 0x9E3779B97F4A7C15ULL + 1) {}

// splitmix64
std::uint64_t Workload::random() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::string Workload::key(const char* kind) {
  return kind + std::to_string(random() % std::max<std::uint64_t>(options_.keys, 1));
}

void Workload::fill(std::string& value, std::size_t bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (!options_.has_random_values) return value.resize(bytes, 'x');
  while (value.size() < bytes) {
    auto bits = random();
    for (int i = 0; i < 16 && value.size() < bytes; ++i, bits >>= 4) value += kDigits[bits & 15];
  }
}

std::vector<std::vector<std::string>> Workload::next() {
  const std::string number = std::to_string(++made_);
  switch (random() % 16) {
    case 0:
      return {{"DEL", key("token:")}};
    case 1:
      if (!options_.has_expiring_keys) return {{"SET", key("token:"), number}};
      return {{"SET", key("token:"), number, "EX", "60"}};
    case 2:
    case 3:
      return {{"INCR", key("count:")}};
    case 4:
    case 5:
      return {{"HSET", key("call:"), "state", "ringing", "at", number}};
    case 6:
      return {{"ZADD", key("limit:"), number, number}};
    case 7:
      return {{"SADD", key("tag:"), number}};
    case 8: {
      const auto queue = key("queue:");
      return {{"MULTI"}, {"LPUSH", queue, number}, {"LTRIM", queue, "0", "99"}, {"EXEC"}};
    }
    default: {
      std::string value = "value " + number + " ";
      fill(value, std::max(options_.value_bytes, value.size()));
      return {{"SET", key("key:"), std::move(value)}};
    }
  }
}

}  // namespace sluice::lab
