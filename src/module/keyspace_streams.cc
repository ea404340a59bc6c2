#include <charconv>
#include <utility>
#include <vector>

#include "crdt/native.h"
#include "module/keyspace.h"

namespace sluice::module {

namespace {

using crdt::KeyName;
using crdt::StreamId;

std::string text(StreamId id) {
  return std::to_string(id.ms) + "-" + std::to_string(id.seq);
}

constexpr StreamId kLeast{0, 1}, kGreatest{UINT64_MAX, UINT64_MAX};

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

// Entries on their way out of a stream and back into it, as they were: by the functions that tell nobody.
class TakenOff {
 public:
  explicit TakenOff(Ctx* ctx) : ctx_(ctx) {}
  ~TakenOff() { discard(entries_); }
  TakenOff(const TakenOff&) = delete;
  TakenOff& operator=(const TakenOff&) = delete;

  // All from `first` on, and maybe more; those that were taken before come after them.
  void take(RedisModuleKey* stream, StreamId first) {
    std::vector<Entry> taken = read(stream, first, kGreatest);
    if (taken.empty()) return;
    // To delete one the server looks through its node from the node's beginning, and again for the next one; the oldest
    // it drops by whole nodes.
    constexpr std::size_t kTimesDearer = 5;
    const auto older_max = kTimesDearer * taken.size();
    std::vector<Entry> older;
    if (api::ValueLength(stream) <= taken.size() + older_max && first > kLeast)
      older = read(stream, {}, before(first));
    const auto& oldest = older.empty() ? taken.front() : older.front();
    const bool drops_all = api::ValueLength(stream) == older.size() + taken.size();
    // Behind 0-1 there is none to set the newest id back to.
    if (drops_all && oldest.id > kLeast) {
      api::StreamTrimByLength(stream, 0, 0);
      prepend(std::move(taken));
      prepend(std::move(older));
    } else {
      discard(older);
      remove(stream, first);
      prepend(std::move(taken));
    }
  }
  bool empty() const { return next_ == entries_.size(); }
  StreamId next() const { return entries_[next_].id; }
  // The next of them.
  void put_back(RedisModuleKey* stream) {
    Entry& entry = entries_[next_++];
    StreamIdAbi id{entry.id.ms, entry.id.seq};
    api::StreamAdd(stream, 0, &id, entry.words.data(), static_cast<long>(entry.words.size() / 2));
  }

 private:
  struct Entry {
    StreamId id;
    std::vector<String*> words = {};  // names and values in turn
  };

  static std::vector<Entry> read(RedisModuleKey* stream, StreamId first, StreamId last) {
    std::vector<Entry> entries;
    StreamIdAbi from{first.ms, first.seq};
    StreamIdAbi to{last.ms, last.seq};
    if (api::StreamIteratorStart(stream, 0, &from, &to) != kOk) return entries;
    StreamIdAbi id{};
    long fields = 0;
    while (api::StreamIteratorNextID(stream, &id, &fields) == kOk) {
      Entry entry{.id = {id.ms, id.seq}};
      entry.words.reserve(2 * static_cast<std::size_t>(fields));
      String* name = nullptr;
      String* value = nullptr;
      while (fields-- > 0 && api::StreamIteratorNextField(stream, &name, &value) == kOk) {
        entry.words.push_back(name);
        entry.words.push_back(value);
      }
      entries.push_back(std::move(entry));
    }
    api::StreamIteratorStop(stream);
    return entries;
  }
  static void remove(RedisModuleKey* stream, StreamId first) {
    StreamIdAbi from{first.ms, first.seq};
    StreamIdAbi id{};
    long fields = 0;
    if (api::StreamIteratorStart(stream, 0, &from, nullptr) != kOk) return;
    while (api::StreamIteratorNextID(stream, &id, &fields) == kOk)
      api::StreamIteratorDelete(stream);
    api::StreamIteratorStop(stream);
  }
  void prepend(std::vector<Entry> entries) {
    entries_.insert(entries_.begin(), std::make_move_iterator(entries.begin()),
                    std::make_move_iterator(entries.end()));
  }
  void discard(const std::vector<Entry>& entries) {
    for (const Entry& entry : entries)
      for (String* word : entry.words) api::FreeString(ctx_, word);
  }

  Ctx* ctx_;
  std::vector<Entry> entries_;
  std::size_t next_ = 0;
};

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
  TakenOff newer(open_.ctx);
  const auto take_from = [&](StreamId from) {
    RedisModuleKey* const opened = open_to_write(key);
    newer.take(opened, from);
    api::CloseKey(opened);
    return newer.empty() ? from : std::min(from, newer.next());
  };
  const StreamId first = take_from(added.begin()->first);
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
    take_from({});
    remove(key);
  }
  const auto put_back = [&](std::optional<StreamId> until) {
    if (newer.empty() || (until && newer.next() > *until)) return;
    RedisModuleKey* const opened = open_to_write(key);
    while (!newer.empty() && (!until || newer.next() <= *until)) newer.put_back(opened);
    api::CloseKey(opened);
  };
  std::uint64_t count = 0;
  for (const auto& [id, fields] : added) {
    put_back(id);
    if (add_newest(key, id, fields)) ++count;
  }
  put_back(std::nullopt);
  set_id(std::max(state->last, added.rbegin()->first), state->entries_added + count,
         std::max(state->deleted_max, kLeast));
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
