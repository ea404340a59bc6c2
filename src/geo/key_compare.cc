#include "geo/key_compare.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "crdt/hll.h"

namespace sluice::geo {
namespace {

constexpr std::size_t kShownBytes = 60;

// CRC-16/XMODEM, as the Redis Cluster specification has it.
std::uint16_t crc16(std::string_view bytes) {
  std::uint32_t crc = 0;
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint32_t>(static_cast<std::uint8_t>(byte)) << 8U;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? crc << 1U ^ 0x1021U : crc << 1U;
    crc &= 0xffffU;
  }
  return static_cast<std::uint16_t>(crc);
}

struct Reading {
  redis::Words words;
  std::size_t group = 0;  // elements that belong together, in any order; 0: the order counts
};

Reading reading_of(std::string_view type, const std::string& key) {
  if (type == "string") return {{"GET", key}};
  if (type == "hash") return {{"HGETALL", key}, 2};
  if (type == "set") return {{"SMEMBERS", key}, 1};
  if (type == "zset") return {{"ZRANGE", key, "0", "-1", "WITHSCORES"}};
  if (type == "list") return {{"LRANGE", key, "0", "-1"}};
  if (type == "stream") return {{"XRANGE", key, "-", "+"}};
  return {};
}

void append(std::string& text, const resp::Reply& reply) {
  if (!text.empty()) text += ' ';
  text += reply.text;
  for (const auto& element : reply.elements) append(text, element);
}

std::string flatten(const resp::Reply& reply, std::size_t group) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < reply.elements.size(); ++i) {
    if (group == 0 || i % group == 0) parts.emplace_back();
    append(parts.back(), reply.elements[i]);
  }
  if (group > 0) std::ranges::sort(parts);
  std::string text = reply.text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::vector<std::uint32_t> databases(const redis::Info& info) {
  std::vector<std::uint32_t> found;
  for (std::uint32_t db = 0; db < 16; ++db) {
    if (!info.field(fmt::format("db{}", db)).empty()) found.push_back(db);
  }
  return found;
}

rt::Task<Result<>> scan(redis::Client& client, const std::set<std::uint16_t>& slots,
                        std::set<std::string>& keys) {
  std::string cursor = "0";
  do {
    redis::Words words{"SCAN", cursor, "COUNT", "1000"};
    CO_TRY(const auto reply, co_await client.need(std::move(words)));
    if (reply.elements.size() != 2) co_return fail(Errc::kProtocol, "SCAN: unexpected answer");
    cursor = reply.elements[0].text;
    for (const auto& key : reply.elements[1].elements) {
      if (slots.contains(slot_of(key.text))) keys.insert(key.text);
    }
  } while (cursor != "0");
  co_return Result<>{};
}

constexpr std::string_view kString = "string ", kUntil = " (until ";

// Equal HyperLogLogs may be stored in different ways.
std::string comparable(const std::string& text) {
  if (!text.starts_with(kString)) return text;
  const auto end = std::min(text.rfind(kUntil), text.size());
  const auto registers =
      crdt::hll_registers(std::string_view(text).substr(kString.size(), end - kString.size()));
  return registers ? *registers + text.substr(end) : text;
}

// All of a key that regions have to agree on, as text.
rt::Task<Result<std::string>> read_key(redis::Client& client, std::string key) {
  redis::Words ask_type{"TYPE", key};
  CO_TRY(const auto type, co_await client.need(std::move(ask_type)));
  if (type.text == "none") co_return std::string("nothing");
  auto reading = reading_of(type.text, key);
  if (reading.words.empty()) co_return type.text;
  CO_TRY(const auto value, co_await client.need(std::move(reading.words)));
  redis::Words ask_ttl{"PEXPIRETIME", key};
  CO_TRY(const auto ends, co_await client.need(std::move(ask_ttl)));
  auto text = type.text + " " + flatten(value, reading.group);
  if (ends.integer >= 0) text += fmt::format("{}{})", kUntil, ends.integer);
  co_return text;
}

std::string shown(std::string text) {
  if (text.size() > kShownBytes) {
    text = fmt::format("{}... ({} bytes)", text.substr(0, kShownBytes), text.size());
  }
  return text;
}

rt::Task<Result<>> select(std::vector<Member>& members, std::uint32_t db) {
  for (auto& member : members) {
    redis::Words words{"SELECT", std::to_string(db)};
    CO_TRY_VOID(co_await member.client->need(std::move(words)));
  }
  co_return Result<>{};
}

rt::Task<Result<std::string>> difference(std::vector<Member>& members, std::string key) {
  std::map<std::string, std::string> values;
  std::set<std::string> distinct;
  for (auto& member : members) {
    CO_TRY(auto value, co_await read_key(*member.client, key));
    distinct.insert(comparable(value));
    values[member.state.region] = std::move(value);
  }
  if (distinct.size() == 1) co_return std::string();
  std::string why;
  for (const auto& [region, value] : values) {
    why += fmt::format("{}{} has {}", why.empty() ? "" : "; ", region, shown(value));
  }
  co_return why;
}

}  // namespace

std::uint16_t slot_of(std::string_view key) {
  const auto open = key.find('{');
  if (open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return crc16(key) % 16384;
}

rt::Task<Result<std::vector<DifferentKey>>> different_keys(std::vector<Member>& members,
                                                           const std::set<std::uint16_t>& slots,
                                                           std::size_t keys_max) {
  std::set<std::uint32_t> dbs;
  for (auto& member : members) {
    redis::Words words{"INFO", "keyspace"};
    CO_TRY(const auto reply, co_await member.client->need(std::move(words)));
    for (const auto db : databases(redis::Info::parse(reply.text))) dbs.insert(db);
  }
  std::vector<DifferentKey> found;
  for (const auto db : dbs) {
    CO_TRY_VOID(co_await select(members, db));
    std::set<std::string> keys;
    for (auto& member : members) CO_TRY_VOID(co_await scan(*member.client, slots, keys));
    for (const auto& key : keys) {
      if (found.size() >= keys_max) break;
      CO_TRY(auto why, co_await difference(members, key));
      if (!why.empty()) found.push_back({db, key, std::move(why)});
    }
  }
  CO_TRY_VOID(co_await select(members, 0));
  co_return found;
}

}  // namespace sluice::geo
