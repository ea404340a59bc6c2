// A stream's consumer groups are this region's own: they outlive a value that takes the stream's place.
#include <utility>

#include "module/keyspace.h"

namespace sluice::module {

namespace {

using crdt::KeyName;

// Of an answer in RESP2: names and values in turn. Null: there is none.
RedisModuleCallReply* value_of(RedisModuleCallReply* pairs, std::string_view name) {
  for (std::size_t at = 0; at + 1 < api::CallReplyLength(pairs); at += 2)
    if (bytes_of(api::CallReplyArrayElement(pairs, at)) == name)
      return api::CallReplyArrayElement(pairs, at + 1);
  return nullptr;
}

std::string text_of(RedisModuleCallReply* value) {
  if (value == nullptr || api::CallReplyType(value) == kReplyNull) return "-1";
  if (api::CallReplyType(value) == kReplyInteger)
    return std::to_string(api::CallReplyInteger(value));
  return std::string(bytes_of(value));
}

template <typename Each>
void for_each_in(const CallReply& reply, Each each) {
  if (reply.failed()) return;
  for (std::size_t at = 0; at < api::CallReplyLength(reply.get()); ++at)
    each(api::CallReplyArrayElement(reply.get(), at));
}

}  // namespace

std::vector<ConsumerGroup> RedisKeyspace::groups(const KeyName& key) {
  add_late_entries(key);
  std::vector<ConsumerGroup> groups;
  if (type(key) != crdt::ValueType::kStream) return groups;
  for_each_in(CallReply(info("GROUPS", key)), [&](RedisModuleCallReply* one) {
    groups.push_back({.name = text_of(value_of(one, "name")),
                      .last = text_of(value_of(one, "last-delivered-id")),
                      .entries_read = text_of(value_of(one, "entries-read")),
                      .pending_count = text_of(value_of(one, "pending"))});
  });
  for (auto& group : groups) {
    for_each_in(CallReply(info("CONSUMERS", key, group.name)), [&](RedisModuleCallReply* one) {
      group.consumers.push_back(text_of(value_of(one, "name")));
    });
    if (group.pending_count == "0") continue;
    const CallReply pending(call("XPENDING", key, {group.name, "-", "+", group.pending_count}));
    for_each_in(pending, [&](RedisModuleCallReply* one) {
      const auto word = [one](std::size_t at) {
        return text_of(api::CallReplyArrayElement(one, at));
      };
      group.pending.push_back({word(0), word(1), word(2), word(3)});
    });
  }
  return groups;
}

void RedisKeyspace::set_groups(const KeyName& key, const std::vector<ConsumerGroup>& groups) {
  add_late_entries(key);
  if (type(key) != crdt::ValueType::kStream) return;
  std::vector<std::string> others;
  for_each_in(CallReply(info("GROUPS", key)),
              [&](RedisModuleCallReply* one) { others.push_back(text_of(value_of(one, "name"))); });
  const auto change = [&](const char* subcommand, Words words) {
    std::vector<String*> strings;
    strings.reserve(words.size());
    for (const auto word : words)
      strings.push_back(api::CreateString(nullptr, word.data(), word.size()));
    String* const name = name_of(key);
    close();
    select(key.db);
    const bool was_writing = std::exchange(writing_, true);
    const CallReply reply(
        api::Call(open_.ctx, "XGROUP", "csv", subcommand, name, strings.data(), strings.size()));
    writing_ = was_writing;
    for (String* string : strings) api::FreeString(nullptr, string);
  };
  for (const auto& name : others) change("DESTROY", {name});
  for (const auto& group : groups) {
    change("CREATE", {group.name, group.last, "ENTRIESREAD", group.entries_read});
    for (const auto& consumer : group.consumers) change("CREATECONSUMER", {group.name, consumer});
    // Of entries that are no more nothing is pending.
    for (const auto& one : group.pending)
      const CallReply claimed(call("XCLAIM", key,
                                   {group.name, one.consumer, "0", one.id, "IDLE", one.idle_ms,
                                    "RETRYCOUNT", one.deliveries, "FORCE", "JUSTID"}));
  }
}

RedisModuleCallReply* RedisKeyspace::info(const char* what, const KeyName& key,
                                          std::string_view group) {
  String* const name = name_of(key);
  close();
  select(key.db);
  if (group.empty()) return api::Call(open_.ctx, "XINFO", "cs", what, name);
  return api::Call(open_.ctx, "XINFO", "csb", what, name, group.data(), group.size());
}

}  // namespace sluice::module
