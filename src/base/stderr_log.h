// The sink of a real process: one line per record on standard error.
#pragma once

#include <atomic>
#include <memory>

#include "base/log.h"

namespace spdlog {
class logger;  // NOLINT(readability-identifier-naming): spdlog's name
}

namespace sluice::base {

enum class LogFormat : std::uint8_t { kText, kJson };

class StderrLog : public LogSink {
 public:
  StderrLog(LogLevel least, LogFormat format);
  ~StderrLog() override;

  bool takes(LogLevel level) const override {
    return level >= least_.load(std::memory_order_relaxed);
  }
  void write(const LogRecord& record) override;

  // Takes effect on every core at once.
  void set_level(LogLevel least) { least_.store(least, std::memory_order_relaxed); }

 private:
  std::atomic<LogLevel> least_;
  LogFormat format_;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace sluice::base
