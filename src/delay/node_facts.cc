#include "delay/node_facts.h"

#include <algorithm>

#include "base/codec.h"

namespace sluice::delay {

std::optional<KeeperRetention> retention_of(const resp::Reply& config_get) {
  KeeperRetention retention;
  const auto& words = config_get.elements;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    if (words[i].text == "retention-bytes") {
      const auto bytes = base::parse_byte_size(words[i + 1].text);
      if (bytes) retention.bytes = bytes->bytes;
    } else if (words[i].text == "retention-age") {
      const auto age = base::parse_duration(words[i + 1].text);
      if (age) retention.age = *age;
    }
  }
  if (retention.bytes == 0) return std::nullopt;
  return retention;
}

NodeFacts facts_of(const redis::Info& info, const std::optional<KeeperRetention>& retention) {
  NodeFacts facts;
  facts.replid = info.field("master_replid");
  facts.offset = info.replication_offset();
  facts.is_keeper = !info.field("keeper_state").empty();
  facts.has_link = info.field("role") == "master" || info.field("master_link_status") == "up";
  auto& window = facts.window;
  // Redis counts bytes from 1 (repl_backlog_first_byte_offset), we by what lies before them.
  const auto first = info.number("repl_backlog_first_byte_offset");
  window.first = first == 0 ? 0 : first - 1;
  window.end = std::max(facts.offset, info.number("master_repl_offset"));
  const auto held = info.number("repl_backlog_histlen");
  window.bytes_max = facts.is_keeper ? held : info.number("repl_backlog_size");
  if (facts.is_keeper && retention) {
    window.bytes_max = std::max(held, retention->bytes);
    window.age_max = retention->age;
  }
  return facts;
}

}  // namespace sluice::delay
