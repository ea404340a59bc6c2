#include "replog/file_names.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <system_error>

namespace sluice::replog {
namespace {

constexpr std::size_t kDigits = 20;
constexpr std::string_view kDistrust = "distrust-";

bool is_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string digits(std::uint64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return std::string(width - std::min(width, text.size()), '0') + text;
}

std::optional<repl::Offset> parse_digits(std::string_view text) {
  std::uint64_t number = 0;
  if (text.size() != kDigits || !is_digits(text)) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  return repl::Offset{number};
}

}  // namespace

std::string segment_name(repl::Offset start) {
  return digits(start.bytes(), kDigits) + ".log";
}

std::string segment_index_name(repl::Offset start) {
  return digits(start.bytes(), kDigits) + ".idx";
}

std::optional<repl::Offset> segment_start(std::string_view name) {
  if (!name.ends_with(".log")) return std::nullopt;
  return parse_digits(name.substr(0, name.size() - 4));
}

std::string snapshot_name(repl::Offset at, std::uint32_t number) {
  return digits(at.bytes(), kDigits) + "-" + std::to_string(number) + ".rdb";
}

std::string snapshot_index_name(std::string_view snapshot) {
  return std::string(snapshot.substr(0, snapshot.rfind('.'))) + ".rdx";
}

bool is_snapshot_file(std::string_view name) {
  return name.ends_with(".rdb") || name.ends_with(".rdx");
}

std::string distrust_name(repl::Offset durable) {
  return std::string(kDistrust) + digits(durable.bytes(), kDigits);
}

std::optional<repl::Offset> distrusted_from(std::string_view name) {
  if (!name.starts_with(kDistrust)) return std::nullopt;
  return parse_digits(name.substr(kDistrust.size()));
}

std::string diverged_name(const repl::ReplId& id, repl::Offset at) {
  return "diverged-" + std::string(id.text()) + "-" + digits(at.bytes(), kDigits);
}

std::string lineage_name(std::uint64_t number) {
  return "l" + digits(number, 10);
}

bool is_lineage_name(std::string_view name) {
  return name.size() == 11 && name[0] == 'l' && is_digits(name.substr(1));
}

}  // namespace sluice::replog
