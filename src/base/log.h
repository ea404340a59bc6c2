// Structured log records: a level, a constant message, and fields that say of what.
//
// A Log is a cheap value that is passed down and carries constant fields, such as the shard's name:
//
//   const Log shard_log = log.with("shard", "eu-1");
//   shard_log.warn("replica dropped", {{"replica", id}, {"why", e}});
//
// Never log a secret: print a RedisUrl with to_string(), a setting with Setting::shown().
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace sluice::base {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

std::string_view name_of(LogLevel level);

// Views whatever it is made from; lives no longer than the call that it is an argument of.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  std::string_view key;
  Value value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const Error& v) : key(k), value(std::string_view(v.detail)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  template <std::signed_integral T>
  LogField(std::string_view k, T v) : key(k), value(std::int64_t{v}) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view k, T v) : key(k), value(std::uint64_t{v}) {}
};

using LogFields = std::initializer_list<LogField>;

struct LogConstant {
  std::string key;
  std::string value;
};

struct LogRecord {
  LogLevel level;
  std::string_view message;
  const std::vector<LogConstant>& constants;
  const LogField* first_field;
  std::size_t field_count;
};

// Where records go. Outlives every Log made from it, and is called from any core.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual bool takes(LogLevel level) const = 0;
  virtual void write(const LogRecord& record) = 0;
};

class Log {
 public:
  explicit Log(LogSink& sink) : sink_(&sink) {}
  static Log quiet() { return Log{}; }

  // The same with one more constant field.
  Log with(std::string_view key, std::string_view value) const;

  bool takes(LogLevel level) const { return sink_ != nullptr && sink_->takes(level); }
  void write(LogLevel level, std::string_view message, LogFields fields = {}) const;

  void debug(std::string_view message, LogFields fields = {}) const {
    write(LogLevel::kDebug, message, fields);
  }
  void info(std::string_view message, LogFields fields = {}) const {
    write(LogLevel::kInfo, message, fields);
  }
  void warn(std::string_view message, LogFields fields = {}) const {
    write(LogLevel::kWarn, message, fields);
  }
  void error(std::string_view message, LogFields fields = {}) const {
    write(LogLevel::kError, message, fields);
  }

 private:
  Log() = default;

  LogSink* sink_ = nullptr;
  std::vector<LogConstant> constants_;
};

// One record without its time: `warn  replica dropped  replica=7 why="timed out" shard=eu-1`.
std::string to_text(const LogRecord& record);

// The members of a JSON object without its time: `"level":"warn","message":"replica dropped",...`.
// Whatever bytes the values hold, the result is valid UTF-8.
std::string to_json_members(const LogRecord& record);

// Lets one record of a kind through per interval, and counts the rest.
//
//   if (const auto held_back = full_.due(now)) log.warn("...", {{"held_back", *held_back}});
class OncePer {
 public:
  explicit OncePer(std::chrono::nanoseconds interval) : interval_(interval) {}

  // Absent: not now. Else the number of times it was absent since the last time it was not.
  // `now` is since any fixed instant and does not go back.
  std::optional<std::uint64_t> due(std::chrono::nanoseconds now);

 private:
  std::chrono::nanoseconds interval_;
  std::optional<std::chrono::nanoseconds> last_;
  std::uint64_t held_back_ = 0;
};

}  // namespace sluice::base
