#include "base/text_table.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>

namespace sluice::base {
namespace {

// Bytes that do not begin a UTF-8 character take no room on the screen.
std::size_t width(const std::string& cell) {
  return static_cast<std::size_t>(
      std::ranges::count_if(cell, [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_number(const std::string& cell) {
  if (cell.empty()) return false;
  const auto first = static_cast<unsigned char>(cell.front());
  return std::isdigit(first) != 0 || ((first == '+' || first == '-') && cell.size() > 1);
}

struct Column {
  std::size_t width = 0;
  bool is_numeric = false;
};

std::string line(const std::vector<std::string>& row, const std::vector<Column>& columns) {
  std::string text;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string cell = i < row.size() ? row[i] : std::string();
    const std::string room(columns[i].width - width(cell), ' ');
    if (i > 0) text += "  ";
    text += columns[i].is_numeric ? room + cell : cell + room;
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

}  // namespace

std::string TextTable::text() const {
  std::vector<Column> columns;
  columns.reserve(header_.size());
  for (const auto& cell : header_) columns.push_back({width(cell), false});
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < std::min(row.size(), columns.size()); ++i) {
      columns[i].width = std::max(columns[i].width, width(row[i]));
      columns[i].is_numeric |= i > 0 && is_number(row[i]);
    }
  }
  std::vector<std::string> rule;
  rule.reserve(columns.size());
  for (const auto& column : columns) rule.emplace_back(column.width, '=');
  std::string text = line(header_, columns) + line(rule, columns);
  for (const auto& row : rows_) text += line(row, columns);
  return text;
}

std::string bytes_text(double bytes) {
  const char* const units[] = {"B", "KB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit < std::size(units) - 1) {
    bytes /= 1000;
    ++unit;
  }
  if (unit == 0 || bytes >= 99.95) return fmt::format("{:.0f} {}", bytes, units[unit]);
  return fmt::format("{:.{}f} {}", bytes, bytes >= 9.995 ? 1 : 2, units[unit]);
}

std::string duration_text(double seconds) {
  if (seconds >= 1) return fmt::format("{:.{}f} s", seconds, seconds < 10 ? 1 : 0);
  if (seconds >= 1e-3) return fmt::format("{:.{}f} ms", seconds * 1e3, seconds < 0.01 ? 2 : 0);
  return fmt::format("{:.2f} ms", seconds * 1e3);
}

std::string count_text(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t i = 3; i < digits.size(); i += 4) digits.insert(digits.size() - i, 1, ' ');
  return digits;
}

}  // namespace sluice::base
