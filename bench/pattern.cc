#include "pattern.h"

#include <vector>

namespace sluice::bench {
namespace {

// The last command fills the pattern up: its value has three digits of length.
constexpr std::size_t kRoomForLast = 900;
constexpr std::size_t kLargeValueBytes = 500;

void append_command(std::string& out, const std::vector<std::string>& words) {
  out += "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
}

std::string key(const char* prefix, std::uint64_t number) {
  return prefix + std::to_string(1'000'000 + number * 7919 % 9'000'000);
}

// What a busy cache emits: sessions as JSON, counters, call states, rate limits, now and then a
// transaction. Short commands: what a replication log has most work with, per byte.
void append_mixed(std::string& out, std::uint64_t i) {
  const std::string session = R"({"user":)" + std::to_string(i * 31 % 1'000'003) +
                              R"(,"region":"eu-west-1","device":"ios",)" +
                              R"("scopes":["read","write","call"],"issued":)" +
                              std::to_string(1'700'000'000 + i) + R"(,"token":")" +
                              std::string(64, static_cast<char>('a' + i % 26)) + R"("})";
  switch (i % 8) {
    case 0:
    case 1:
      return append_command(out, {"SET", key("session:", i), session, "PXAT", "1700000000000"});
    case 2:
    case 3:
      return append_command(out, {"SET", key("key:", i), std::string(32, 'v')});
    case 4:
      return append_command(out,
                            {"HSET", key("call:", i), "state", "ringing", "at", std::to_string(i)});
    case 5:
      return append_command(out, {"INCRBY", key("count:", i), "1"});
    case 6:
      return append_command(out, {"ZADD", key("limit:", i), std::to_string(i), std::to_string(i)});
    default:
      append_command(out, {"MULTI"});
      append_command(out, {"SADD", key("tag:", i), key("id:", i)});
      append_command(out, {"PEXPIREAT", key("tag:", i), "1700000000000"});
      return append_command(out, {"EXEC"});
  }
}

void append_last(std::string& out) {
  const std::string header = "*3\r\n$3\r\nSET\r\n$3\r\npad\r\n$";
  const std::size_t value = kPatternBytes - out.size() - header.size() - 3 - 2 - 2;
  out += header + std::to_string(value) + "\r\n" + std::string(value, 'p') + "\r\n";
}

}  // namespace

std::string make_pattern(std::string_view mix) {
  std::string out;
  append_command(out, {"SELECT", "0"});
  for (std::uint64_t i = 0; out.size() < kPatternBytes - kRoomForLast; ++i) {
    if (mix == "small") {
      append_command(out, {"SET", key("key:", i), "vvvvvvvv"});
    } else if (mix == "large") {
      append_command(out, {"SET", key("page:", i), std::string(kLargeValueBytes, 'v')});
    } else {
      append_mixed(out, i);
    }
  }
  append_last(out);
  return out;
}

}  // namespace sluice::bench
