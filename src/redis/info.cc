#include "redis/info.h"

#include <algorithm>
#include <charconv>

namespace sluice::redis {
namespace {

std::uint64_t leading_number(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Info Info::parse(std::string_view text) {
  Info info;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    info.fields_.emplace(line.substr(0, colon), line.substr(colon + 1));
  }
  return info;
}

std::string_view Info::field(std::string_view name) const {
  const auto found = fields_.find(name);
  return found == fields_.end() ? std::string_view() : std::string_view(found->second);
}

std::uint64_t Info::number(std::string_view name) const {
  return leading_number(field(name));
}

std::uint64_t Info::part(std::string_view name, std::string_view key) const {
  auto rest = field(name);
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.starts_with(key) && pair.substr(key.size()).starts_with('=')) {
      return leading_number(pair.substr(key.size() + 1));
    }
  }
  return 0;
}

std::uint64_t Info::keys() const {
  std::uint64_t keys = 0;
  for (auto at = fields_.lower_bound("db0"); at != fields_.end(); ++at) {
    if (!at->first.starts_with("db")) break;
    keys += part(at->first, "keys");
  }
  return keys;
}

std::uint64_t Info::replication_offset() const {
  return number(field("role") == "slave" ? "slave_repl_offset" : "master_repl_offset");
}

}  // namespace sluice::redis
