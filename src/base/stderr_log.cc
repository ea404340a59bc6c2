#include "base/stderr_log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace sluice::base {
namespace {

const char* pattern(LogFormat format) {
  return format == LogFormat::kJson ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})"
                                    : "%Y-%m-%dT%H:%M:%S.%eZ %v";
}

}  // namespace

StderrLog::StderrLog(LogLevel least, LogFormat format)
    : least_(least),
      format_(format),
      logger_(std::make_unique<spdlog::logger>("sluice",
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern(format), spdlog::pattern_time_type::utc));
}

StderrLog::~StderrLog() = default;

void StderrLog::write(const LogRecord& record) {
  logger_->info(format_ == LogFormat::kJson ? to_json_members(record) : to_text(record));
}

}  // namespace sluice::base
