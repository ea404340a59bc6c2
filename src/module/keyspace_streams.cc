#include <charconv>
#include <utility>

#include "crdt/native.h"
#include "module/keyspace.h"

namespace sluice::module {

namespace {

using crdt::KeyName;
using crdt::StreamId;

std::string text(StreamId id) {
  return std::to_string(id.ms) + "-" + std::to_string(id.seq);
}

constexpr StreamId kLeast{0, 1};

StreamId before(StreamId id) {
  if (id.seq > 0) return {id.ms, id.seq - 1};
  return {id.ms - 1, UINT64_MAX};
}

// A text like 1-2 of the server's own making.
StreamId stream_id(std::string_view text) {
  StreamId id;
  const char* end = text.data() + text.size();
  const char* dash = std::from_chars(text.data(), end, id.ms).ptr;
  if (dash != end) std::from_chars(dash + 1, end, id.seq);
  return id;
}

struct StreamState {
  StreamId last, deleted_max;
  std::string entries_added;
};

// XINFO STREAM's answer in RESP2: names and values in turn.
StreamState stream_state(RedisModuleCallReply* reply) {
  StreamState state;
  for (std::size_t i = 0; i + 1 < api::CallReplyLength(reply); i += 2) {
    const auto name = bytes_of(api::CallReplyArrayElement(reply, i));
    RedisModuleCallReply* value = api::CallReplyArrayElement(reply, i + 1);
    if (name == "last-generated-id") state.last = stream_id(bytes_of(value));
    if (name == "max-deleted-entry-id") state.deleted_max = stream_id(bytes_of(value));
    if (name == "entries-added") state.entries_added = std::to_string(api::CallReplyInteger(value));
  }
  return state;
}

// The iterator finds the next entry only from behind the last field of this one.
void skip_fields(Ctx* ctx, RedisModuleKey* stream, long count) {
  String* name = nullptr;
  String* value = nullptr;
  while (count-- > 0 && api::StreamIteratorNextField(stream, &name, &value) == kOk) {
    api::FreeString(ctx, name);
    api::FreeString(ctx, value);
  }
}

}  // namespace

bool RedisKeyspace::contains(const KeyName& key, StreamId id) {
  const CallReply reply(call("XRANGE", key, {text(id), text(id)}));
  return !reply.failed() && api::CallReplyLength(reply.get()) == 1;
}

std::vector<crdt::Field> RedisKeyspace::entry(const KeyName& key, StreamId id) {
  auto found = entries(key, id, 1);
  return !found.empty() && found[0].id == id ? std::move(found[0].fields)
                                             : std::vector<crdt::Field>();
}

void RedisKeyspace::remove_entry(const KeyName& key, StreamId id) {
  const CallReply reply(call("XDEL", key, {text(id)}));
}

std::vector<crdt::AddEntry> RedisKeyspace::entries(const KeyName& key, StreamId first,
                                                   std::uint64_t count) {
  std::vector<crdt::AddEntry> found;
  RedisModuleKey* opened = open_to_read(key);
  StreamIdAbi from{first.ms, first.seq};
  if (opened == nullptr || api::StreamIteratorStart(opened, 0, &from, nullptr) != kOk) return found;
  StreamIdAbi id{};
  long fields = 0;
  while (found.size() < count && api::StreamIteratorNextID(opened, &id, &fields) == kOk) {
    crdt::AddEntry entry{.id = {id.ms, id.seq}, .fields = {}};
    String* name = nullptr;
    String* value = nullptr;
    while (fields-- > 0 && api::StreamIteratorNextField(opened, &name, &value) == kOk) {
      entry.fields.push_back({std::string(bytes_of(name)), std::string(bytes_of(value))});
      api::FreeString(open_.ctx, name);
      api::FreeString(open_.ctx, value);
    }
    found.push_back(std::move(entry));
  }
  api::StreamIteratorStop(opened);
  return found;
}

// Redis takes no id below the newest. A late entry goes in by taking the entries after it off, setting
// the newest id back, and adding them again; consumer groups with their pending lists stay as they are.
void RedisKeyspace::add_entry(const KeyName& key, StreamId id,
                              const std::vector<crdt::Field>& fields) {
  const auto add = [&](StreamId at, const std::vector<crdt::Field>& what) {
    std::vector<String*> words;
    const auto push = [&](std::string_view word) {
      words.push_back(api::CreateString(nullptr, word.data(), word.size()));
    };
    push(text(at));
    for (const auto& field : what) {
      push(field.name);
      push(field.value);
    }
    const CallReply reply(call("XADD", key, words));
    for (String* word : words) api::FreeString(nullptr, word);
    return !reply.failed();
  };
  if (add(id, fields) || type(key) != crdt::ValueType::kStream) return;

  StreamState state;
  {
    const CallReply reply(
        api::Call(open_.ctx, "XINFO", "cb", "STREAM", key.name.data(), key.name.size()));
    if (reply.failed()) return;
    state = stream_state(reply.get());
  }
  auto later = entries(key, id, UINT64_MAX);
  for (const auto& entry : later) {
    if (entry.id == id) return;
    remove_entry(key, entry.id);
  }
  // After 7.0 the newest id goes no lower than what was deleted, so that is set back first; to 0-1, since
  // XSETID takes 0-0 for nothing.
  const auto set_id = [&](StreamId last, const std::string& added, StreamId deleted) {
    const CallReply reply(
        call("XSETID", key, {text(last), "ENTRIESADDED", added, "MAXDELETEDID", text(deleted)}));
    return !reply.failed();
  };
  set_id(std::max(state.last, id), state.entries_added, kLeast);
  if (!set_id(before(id), state.entries_added, kLeast)) {
    // Only of 0-1, which a client chose: consumer groups go with the stream.
    const auto earlier = entries(key, {}, UINT64_MAX);
    later.insert(later.begin(), earlier.begin(), earlier.end());
    remove(key);
  }
  add(id, fields);
  for (const auto& entry : later) add(entry.id, entry.fields);
  set_id(std::max(state.last, id), std::to_string(std::stoull(state.entries_added) + 1),
         std::max(state.deleted_max, kLeast));
}

std::vector<StreamId> RedisKeyspace::entry_ids(const KeyName& key, std::uint64_t count) {
  std::vector<StreamId> ids;
  RedisModuleKey* opened = open_to_read(key);
  if (opened == nullptr || api::StreamIteratorStart(opened, 0, nullptr, nullptr) != kOk) return ids;
  StreamIdAbi id{};
  long fields = 0;
  while (ids.size() < count && api::StreamIteratorNextID(opened, &id, &fields) == kOk) {
    ids.push_back({id.ms, id.seq});
    skip_fields(open_.ctx, opened, fields);
  }
  api::StreamIteratorStop(opened);
  return ids;
}

void RedisKeyspace::for_each_entry_id(
    const KeyName& key, const std::function<void(std::string_view, std::string_view)>& each) {
  RedisModuleKey* opened = open_to_read(key);
  if (opened == nullptr || api::StreamIteratorStart(opened, 0, nullptr, nullptr) != kOk) return;
  StreamIdAbi id{};
  long fields = 0;
  while (api::StreamIteratorNextID(opened, &id, &fields) == kOk) {
    each(crdt::stream_name({id.ms, id.seq}), {});
    skip_fields(open_.ctx, opened, fields);
  }
  api::StreamIteratorStop(opened);
}

}  // namespace sluice::module
