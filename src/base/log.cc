#include "base/log.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/overloaded.h"

namespace sluice::base {
namespace {

std::string json_quoted(std::string_view text) {
  using Json = nlohmann::json;
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_plain(std::string_view text) {
  const auto is_special = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == '\x7f';
  };
  for (const char c : text) {
    if (is_special(c)) return false;
  }
  return !text.empty();
}

std::string quoted_if_needed(std::string_view value) {
  return is_plain(value) ? std::string(value) : json_quoted(value);
}

std::string text_value(const LogField::Value& value) {
  return std::visit(Overloaded{[](std::string_view v) { return quoted_if_needed(v); },
                               [](auto v) { return fmt::format("{}", v); }},
                    value);
}

std::string json_value(const LogField::Value& value) {
  return std::visit(Overloaded{[](std::string_view v) { return json_quoted(v); },
                               [](double v) { return nlohmann::json(v).dump(); },  // nan: null
                               [](auto v) { return fmt::format("{}", v); }},
                    value);
}

// A message is constant text, but a peer's word may have slipped in: it must not forge a line.
std::string one_line(std::string_view message) {
  std::string line(message);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  }
  return line;
}

}  // namespace

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "";
}

Log Log::with(std::string_view key, std::string_view value) const {
  Log log = *this;
  log.constants_.push_back({std::string(key), std::string(value)});
  return log;
}

void Log::write(LogLevel level, std::string_view message, LogFields fields) const {
  if (!takes(level)) return;
  sink_->write({level, message, constants_, fields.begin(), fields.size()});
}

std::string to_text(const LogRecord& record) {
  auto text = fmt::format("{:<5} {}", name_of(record.level), one_line(record.message));
  std::string_view gap = "  ";
  const auto add = [&](std::string_view key, const std::string& value) {
    text += fmt::format("{}{}={}", gap, key, value);
    gap = " ";
  };
  for (std::size_t i = 0; i < record.field_count; ++i) {
    add(record.first_field[i].key, text_value(record.first_field[i].value));
  }
  for (const auto& constant : record.constants) add(constant.key, quoted_if_needed(constant.value));
  return text;
}

std::string to_json_members(const LogRecord& record) {
  auto members = fmt::format(R"("level":"{}","message":{})", name_of(record.level),
                             json_quoted(record.message));
  const auto add = [&](std::string_view key, const std::string& value) {
    members += fmt::format(",{}:{}", json_quoted(key), value);
  };
  for (const auto& constant : record.constants) add(constant.key, json_quoted(constant.value));
  for (std::size_t i = 0; i < record.field_count; ++i) {
    add(record.first_field[i].key, json_value(record.first_field[i].value));
  }
  return members;
}

std::optional<std::uint64_t> OncePer::due(std::chrono::nanoseconds now) {
  if (last_ && now - *last_ < interval_) {
    ++held_back_;
    return std::nullopt;
  }
  last_ = now;
  return std::exchange(held_back_, 0);
}

}  // namespace sluice::base
