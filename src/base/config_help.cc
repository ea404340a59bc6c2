#include "base/config_help.h"

#include <algorithm>
#include <fmt/format.h>

namespace sluice::base {
namespace {

constexpr std::size_t kColumns = 96;
constexpr std::size_t kIndent = 6;

std::string wrapped(std::string_view text) {
  std::string lines;
  std::size_t column = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool starts_line = column == 0 || column + 1 + word.size() > kColumns;
    if (starts_line) {
      lines += (column == 0 ? "" : "\n") + std::string(kIndent, ' ');
      column = kIndent;
    } else {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
  }
  return lines + "\n";
}

std::string default_of(const Setting& setting) {
  if (setting.is_required) return "required";
  const auto text = setting.shown_default();
  return text.empty() ? "none" : text;
}

// "Default 64GiB, 1MiB to 4GiB, changes live."
std::string facts(const Setting& setting) {
  auto text = setting.is_required ? "Required" : "Default " + default_of(setting);
  if (!setting.unit.empty()) text += " " + std::string(setting.unit);
  if (!setting.bounds.empty()) text += ", " + setting.bounds;
  if (setting.shape == Shape::kList) text += ", may be repeated";
  if (setting.reload == Reload::kLive) text += ", can be changed while running";
  return text + ".";
}

std::string dashed(std::string_view name) {
  std::string flag(name);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::string escaped(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

}  // namespace

std::string help_text(const Settings& settings) {
  std::string text;
  for (const auto& setting : settings.all()) {
    const auto value = setting->placeholder.empty() ? "" : " " + setting->placeholder;
    text += fmt::format("  --{}{}\n", dashed(setting->name), value);
    text += wrapped(fmt::format("{} {}", setting->doc, facts(*setting)));
  }
  return text;
}

std::string markdown_table(const Settings& settings) {
  std::string text =
      "| key | value | default | bounds | live | meaning |\n"
      "|---|---|---|---|---|---|\n";
  for (const auto& setting : settings.all()) {
    const auto value =
        setting->placeholder.empty() ? "true\\|false" : escaped(setting->placeholder);
    const auto* const live = setting->reload == Reload::kLive ? "yes" : "";
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", setting->name, value,
                        default_of(*setting), setting->bounds, live, escaped(setting->doc));
  }
  return text;
}

}  // namespace sluice::base
