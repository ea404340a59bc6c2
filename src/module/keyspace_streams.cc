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

// XINFO STREAM's answer in RESP2: names and values in turn.
StreamState state_of(RedisModuleCallReply* reply) {
  StreamState state;
  for (std::size_t i = 0; i + 1 < api::CallReplyLength(reply); i += 2) {
    const auto name = bytes_of(api::CallReplyArrayElement(reply, i));
    RedisModuleCallReply* value = api::CallReplyArrayElement(reply, i + 1);
    if (name == "last-generated-id") state.last = stream_id(bytes_of(value));
    if (name == "max-deleted-entry-id") state.deleted_max = stream_id(bytes_of(value));
    if (name == "entries-added")
      state.entries_added = static_cast<std::uint64_t>(api::CallReplyInteger(value));
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

std::optional<StreamState> RedisKeyspace::stream_state(const KeyName& key) {
  if (type(key) != crdt::ValueType::kStream) return std::nullopt;
  const CallReply reply(info("STREAM", key));
  if (reply.failed()) return std::nullopt;
  return state_of(reply.get());
}

bool RedisKeyspace::is_late(const KeyName& key, StreamId id) const {
  return late_entries_ && late_entries_->key == key && late_entries_->entries.contains(id);
}

bool RedisKeyspace::contains(const KeyName& key, StreamId id) {
  if (is_late(key, id)) return true;
  const CallReply reply(call("XRANGE", key, {text(id), text(id)}));
  return !reply.failed() && api::CallReplyLength(reply.get()) == 1;
}

std::vector<crdt::Field> RedisKeyspace::entry(const KeyName& key, StreamId id) {
  if (is_late(key, id)) return late_entries_->entries.at(id);
  auto found = native_entries(key, id, 1);
  return !found.empty() && found[0].id == id ? std::move(found[0].fields)
                                             : std::vector<crdt::Field>();
}

void RedisKeyspace::remove_entry(const KeyName& key, StreamId id) {
  if (is_late(key, id)) {
    late_entries_->entries.erase(id);
    return;
  }
  const CallReply reply(call("XDEL", key, {text(id)}));
}

std::vector<crdt::AddEntry> RedisKeyspace::entries(const KeyName& key, StreamId first,
                                                   std::uint64_t count) {
  add_late_entries(key);
  return native_entries(key, first, count);
}

std::vector<crdt::AddEntry> RedisKeyspace::native_entries(const KeyName& key, StreamId first,
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

bool RedisKeyspace::add_newest(const KeyName& key, StreamId id,
                               const std::vector<crdt::Field>& fields) {
  std::vector<String*> words;
  words.reserve(2 * fields.size() + 1);
  const auto push = [&](std::string_view word) {
    words.push_back(api::CreateString(nullptr, word.data(), word.size()));
  };
  push(text(id));
  for (const auto& field : fields) {
    push(field.name);
    push(field.value);
  }
  const CallReply reply(call("XADD", key, words));
  for (String* word : words) api::FreeString(nullptr, word);
  return !reply.failed();
}

void RedisKeyspace::add_entry(const KeyName& key, StreamId id,
                              const std::vector<crdt::Field>& fields) {
  if (late_entries_ && late_entries_->key != key) add_late_entries();
  if (!late_entries_ || id > late_entries_->newest) {
    if (add_newest(key, id, fields)) {
      if (late_entries_) late_entries_->newest = id;
      return;
    }
    if (type(key) != crdt::ValueType::kStream) return;
  }
  if (!late_entries_) {
    const auto state = stream_state(key);
    if (!state) return;
    late_entries_ = LateEntries{.key = key, .newest = state->last, .entries = {}};
  }
  late_entries_->entries.emplace(id, fields);
}

void RedisKeyspace::add_late_entries(const KeyName& key) {
  if (late_entries_ && late_entries_->key == key) add_late_entries();
}

void RedisKeyspace::drop_late_entries(const KeyName& key) {
  if (late_entries_ && late_entries_->key == key) late_entries_.reset();
}

// Redis takes no id below the newest. Late entries go in by taking the entries after them off, setting
// the newest id back, and adding all in their order; consumer groups with their pending lists stay as they are.
void RedisKeyspace::add_late_entries() {
  if (!late_entries_) return;
  const auto [key, newest, added] = *std::exchange(late_entries_, std::nullopt);
  const auto state = added.empty() ? std::nullopt : stream_state(key);
  if (!state) return;
  const StreamId first = added.begin()->first;
  std::map<StreamId, std::vector<crdt::Field>> here;
  for (auto& entry : native_entries(key, first, UINT64_MAX)) {
    remove_entry(key, entry.id);
    here.emplace(entry.id, std::move(entry.fields));
  }
  // After 7.0 the newest id goes no lower than what was deleted, so that is set back first; to 0-1, since
  // XSETID takes 0-0 for nothing.
  const auto set_id = [&](StreamId last, std::uint64_t count, StreamId deleted) {
    const CallReply reply(
        call("XSETID", key,
             {text(last), "ENTRIESADDED", std::to_string(count), "MAXDELETEDID", text(deleted)}));
    return !reply.failed();
  };
  set_id(std::max(state->last, first), state->entries_added, kLeast);
  if (!set_id(before(first), state->entries_added, kLeast)) {
    // Only of 0-1, which a client chose: consumer groups go with the stream.
    for (auto& entry : native_entries(key, {}, UINT64_MAX))
      here.emplace(entry.id, std::move(entry.fields));
    remove(key);
  }
  const auto before_all = here.size();
  here.insert(added.begin(), added.end());
  for (const auto& [id, fields] : here) add_newest(key, id, fields);
  set_id(std::max(state->last, here.rbegin()->first),
         state->entries_added + (here.size() - before_all), std::max(state->deleted_max, kLeast));
}

std::vector<StreamId> RedisKeyspace::entry_ids(const KeyName& key, std::uint64_t count) {
  add_late_entries(key);
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
  add_late_entries(key);
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
