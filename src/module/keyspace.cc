#include "module/keyspace.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "module/selected_db.h"

namespace sluice::module {

namespace {

using crdt::Deadline;
using crdt::KeyName;
using crdt::ValueType;

// A string of at most this many bytes may be stored as an integer or inside its object; RM_StringDMA would then
// change how it is stored (RM_StringDMA in module.c of 7.0: dbUnshareStringValue).
constexpr std::size_t kCompactStringBytesMax = 192;

struct Flag {
  explicit Flag(bool& flag) : flag_(flag), before_(std::exchange(flag, true)) {}
  ~Flag() { flag_ = before_; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;

 private:
  bool& flag_;
  bool before_;
};

std::string text(double score) {
  if (std::isinf(score)) return score > 0 ? "inf" : "-inf";
  char buffer[64];
  auto* const end = std::to_chars(std::begin(buffer), std::end(buffer), score).ptr;
  return {std::begin(buffer), end};
}

ValueType value_type(int key_type) {
  switch (key_type) {
    case kKeyEmpty:
      return ValueType::kNone;
    case kKeyString:
      return ValueType::kString;
    case kKeyList:
      return ValueType::kList;
    case kKeyHash:
      return ValueType::kHash;
    case kKeySet:
      return ValueType::kSet;
    case kKeyZset:
      return ValueType::kZset;
    case kKeyStream:
      return ValueType::kStream;
    default:
      return ValueType::kOther;
  }
}

// What clients must not see: no LRU, no count of hits and misses, no "keymiss". 7.0 has no other way to leave the latter two
// out than to open for writing; keys that are written to are signalled by ourselves (kOptionNoImplicitSignal).
constexpr int kOpenUnseen = kOpenRead | kOpenWrite | kOpenNoTouch;

// Without it, reading a key whose deadline has passed removes it in the middle of a merge (before 7.2).
int no_expire() {
  static const int mode =
      api::GetOpenKeyModesAll != nullptr ? api::GetOpenKeyModesAll() & kOpenNoExpire : 0;
  return mode;
}

// RM_SetLRU of Valkey 9.1 takes its milliseconds for thousands of seconds: then rather just used than never.
void set_idle(RedisModuleKey* opened, long long idle_ms) {
  constexpr long long kNearMs = 60'000;
  api::SetLRU(opened, idle_ms);
  long long now_ms = 0;
  if (api::GetLRU(opened, &now_ms) == kOk && now_ms > idle_ms + kNearMs) api::SetLRU(opened, 0);
}

}  // namespace

// --- opening -------------------------------------------------------------------------------------

RedisKeyspace::Use::Use(RedisKeyspace& keyspace, Ctx* ctx)
    : keyspace_(keyspace), before_(keyspace.open_.ctx) {
  if (before_ != nullptr) {
    nested_ = std::make_unique<Opened>(std::exchange(keyspace.open_, Opened()));
  }
  keyspace.open_.ctx = ctx;
}

RedisKeyspace::Use::Use(RedisKeyspace& keyspace, Ctx* ctx, std::uint32_t db) : Use(keyspace, ctx) {
  keyspace.open_.at = static_cast<int>(db);
}

RedisKeyspace::Use::~Use() {
  if (nested_ == nullptr) keyspace_.add_late_entries();
  keyspace_.leave();
  if (nested_ != nullptr) keyspace_.open_ = std::move(*nested_);
}

void RedisKeyspace::leave() {
  close();
  if (open_.name != nullptr) api::FreeString(nullptr, std::exchange(open_.name, nullptr));
  if (open_.db >= 0) api::SelectDb(open_.ctx, std::exchange(open_.db, -1));
  open_.ctx = nullptr;
  open_.at = -1;
}

void RedisKeyspace::select(std::uint32_t db) {
  if (open_.at < 0) open_.at = selected_db(open_.ctx);
  if (open_.at == static_cast<int>(db)) return;
  if (open_.db < 0) open_.db = open_.at;
  api::SelectDb(open_.ctx, static_cast<int>(db));
  open_.at = static_cast<int>(db);
}

void RedisKeyspace::close() {
  if (open_.read != nullptr) api::CloseKey(std::exchange(open_.read, nullptr));
}

String* RedisKeyspace::name_of(const KeyName& key) {
  if (open_.name != nullptr && open_.named == key) return open_.name;
  close();
  if (open_.name != nullptr) api::FreeString(nullptr, open_.name);
  open_.named = key;
  open_.name = api::CreateString(nullptr, key.name.data(), key.name.size());
  return open_.name;
}

RedisModuleKey* RedisKeyspace::open_to_read(const KeyName& key) {
  String* name = name_of(key);
  if (open_.read == nullptr) {
    select(key.db);
    open_.read = api::OpenKey(open_.ctx, name, kOpenUnseen | no_expire());
    if (open_.read != nullptr && api::KeyType(open_.read) == kKeyEmpty) close();
  }
  return open_.read;
}

RedisModuleKey* RedisKeyspace::open_to_write(const KeyName& key) {
  String* name = name_of(key);
  close();
  select(key.db);
  return api::OpenKey(open_.ctx, name, kOpenRead | kOpenWrite);
}

// WATCH and tracking clients learn of it.
void RedisKeyspace::close_written(RedisModuleKey* opened) {
  api::CloseKey(opened);
  api::SignalModifiedKey(open_.ctx, open_.name);
}

void RedisKeyspace::expire_if_due(const KeyName& key) {
  if (late_entries_ && late_entries_->key == key &&
      deadline(key) <= static_cast<Deadline>(api::Milliseconds()))
    add_late_entries();
  String* name = name_of(key);
  close();
  select(key.db);
  RedisModuleKey* opened = api::OpenKey(open_.ctx, name, kOpenUnseen);
  if (opened != nullptr) api::CloseKey(opened);
}

std::optional<std::string> RedisKeyspace::dump(const KeyName& key) {
  add_late_entries(key);
  const CallReply reply(call("DUMP", key));
  if (reply.failed() || api::CallReplyType(reply.get()) != kReplyString) return std::nullopt;
  return std::string(bytes_of(reply.get()));
}

// With its deadline apart: one that has passed would remove the key on a master at once, and not on its replica.
bool RedisKeyspace::restore(const KeyName& key, std::uint64_t deadline, std::string_view value) {
  const CallReply reply(call("RESTORE", key, {"0", value}));
  if (reply.failed()) return false;
  if (deadline != 0) set_deadline(key, deadline);
  return true;
}

RedisModuleCallReply* RedisKeyspace::call(const char* command, const KeyName& key,
                                          const std::vector<String*>& words) {
  String* name = name_of(key);
  close();
  select(key.db);
  const Flag writing(writing_);
  return api::Call(open_.ctx, command, "sv", name, words.data(), words.size());
}

RedisModuleCallReply* RedisKeyspace::call(const char* command, const KeyName& key, Words words) {
  std::vector<String*> strings;
  strings.reserve(words.size());
  for (const auto word : words) {
    strings.push_back(api::CreateString(nullptr, word.data(), word.size()));
  }
  RedisModuleCallReply* reply = call(command, key, strings);
  for (String* string : strings) api::FreeString(nullptr, string);
  return reply;
}

// --- keys ----------------------------------------------------------------------------------------

ValueType RedisKeyspace::type(const KeyName& key) {
  RedisModuleKey* opened = open_to_read(key);
  if (opened == nullptr) return ValueType::kNone;
  const ValueType type = value_type(api::KeyType(opened));
  // Commands raise their events before they remove a value that they have emptied.
  if (type == ValueType::kList || type == ValueType::kHash || type == ValueType::kSet ||
      type == ValueType::kZset) {
    return api::ValueLength(opened) == 0 ? ValueType::kNone : type;
  }
  return type;
}

Deadline RedisKeyspace::deadline(const KeyName& key) {
  RedisModuleKey* opened = open_to_read(key);
  if (opened == nullptr) return crdt::kNoDeadline;
  if (!late_.empty()) {
    if (const auto late = late_.find(key); late != late_.end()) return late->second;
  }
  const long long at = api::GetAbsExpire(opened);
  return at == kNoExpire ? crdt::kNoDeadline : static_cast<Deadline>(at);
}

void RedisKeyspace::set_deadline(const KeyName& key, Deadline deadline) {
  const Flag writing(writing_);
  RedisModuleKey* opened = open_to_write(key);
  if (opened == nullptr) return;
  if (api::KeyType(opened) != kKeyEmpty) {
    late_.erase(key);
    if (deadline <= static_cast<Deadline>(api::Milliseconds())) {
      late_[key] = std::exchange(deadline, crdt::kNoDeadline);
    }
    api::SetAbsExpire(opened,
                      deadline == crdt::kNoDeadline ? kNoExpire : static_cast<long long>(deadline));
  }
  close_written(opened);
}

void RedisKeyspace::set_late_deadlines() {
  if (!late_.empty()) add_late_entries();
  const Flag writing(writing_);
  for (const auto& [key, deadline] : std::exchange(late_, {})) {
    RedisModuleKey* opened = open_to_write(key);
    if (opened == nullptr) continue;
    if (api::KeyType(opened) != kKeyEmpty) {
      api::SetAbsExpire(opened, static_cast<long long>(deadline));
    }
    close_written(opened);
  }
}

void RedisKeyspace::remove(const KeyName& key) {
  drop_late_entries(key);
  const CallReply reply(call("UNLINK", key));
}

// --- strings -------------------------------------------------------------------------------------

std::string RedisKeyspace::string(const KeyName& key) {
  RedisModuleKey* opened = open_to_read(key);
  if (opened == nullptr) return {};
  if (api::ValueLength(opened) > kCompactStringBytesMax) {
    std::size_t size = 0;
    const char* bytes = api::StringDMA(opened, &size, kOpenRead);
    return {bytes, size};
  }
  long long idle_ms = 0;
  api::GetLRU(opened, &idle_ms);
  // A write by its flags, that writes nothing: of a key that a reading command was called for, servers from 7.2 on would tell the
  // client that runs now of the next change, if it is tracking (call() in server.c).
  const CallReply reply(call("GETEX", key));
  if (idle_ms > 0 && (opened = open_to_read(key)) != nullptr) set_idle(opened, idle_ms);
  return reply.failed() ? std::string() : std::string(bytes_of(reply.get()));
}

void RedisKeyspace::write_string(const KeyName& key, std::string_view value) {
  drop_late_entries(key);
  const CallReply reply(call("SET", key, {value}));
}

void RedisKeyspace::add_to_hll(const KeyName& key, const std::vector<std::string>& elements) {
  std::vector<String*> words;
  words.reserve(elements.size());
  for (const auto& element : elements) {
    words.push_back(api::CreateString(nullptr, element.data(), element.size()));
  }
  const CallReply reply(call("PFADD", key, words));
  for (String* word : words) api::FreeString(nullptr, word);
}

// PFMERGE joins keys, so the registers are a key for a moment. Its name cannot be a client's: two
// clients never see it, since nothing else runs meanwhile.
void RedisKeyspace::merge_hll(const KeyName& key, std::string_view registers) {
  if (type(key) == ValueType::kNone) return write_string(key, registers);
  const KeyName scratch{key.db, key.name + std::string(1, '\0') + "geo.merge"};
  write_string(scratch, registers);
  {
    const CallReply reply(call("PFMERGE", key, {scratch.name}));
  }
  remove(scratch);
}

// --- hashes --------------------------------------------------------------------------------------

std::optional<std::string> RedisKeyspace::field(const KeyName& key, std::string_view name) {
  RedisModuleKey* opened = open_to_read(key);
  if (opened == nullptr) return std::nullopt;
  const OwnedString field(name);
  String* value = nullptr;
  if (api::HashGet(opened, kHashNone, field.get(), &value, nullptr) != kOk || value == nullptr) {
    return std::nullopt;
  }
  std::string bytes(bytes_of(value));
  api::FreeString(open_.ctx, value);
  return bytes;
}

void RedisKeyspace::write_field(const KeyName& key, std::string_view name, std::string_view value) {
  const CallReply reply(call("HSET", key, {name, value}));
}

void RedisKeyspace::remove_field(const KeyName& key, std::string_view name) {
  const CallReply reply(call("HDEL", key, {name}));
}

// --- sets ----------------------------------------------------------------------------------------

bool RedisKeyspace::contains(const KeyName& key, std::string_view member) {
  const CallReply reply(call("SISMEMBER", key, {member}));
  return !reply.failed() && api::CallReplyInteger(reply.get()) == 1;
}

void RedisKeyspace::add_member(const KeyName& key, std::string_view member) {
  const CallReply reply(call("SADD", key, {member}));
}

void RedisKeyspace::remove_member(const KeyName& key, std::string_view member) {
  const CallReply reply(call("SREM", key, {member}));
}

// --- sorted sets ---------------------------------------------------------------------------------

std::optional<double> RedisKeyspace::score(const KeyName& key, std::string_view member) {
  RedisModuleKey* opened = open_to_read(key);
  if (opened == nullptr || api::KeyType(opened) != kKeyZset) return std::nullopt;
  const OwnedString element(member);
  double score = 0;
  if (api::ZsetScore(opened, element.get(), &score) != kOk) return std::nullopt;
  return score;
}

void RedisKeyspace::write_score(const KeyName& key, std::string_view member, double score) {
  const CallReply reply(call("ZADD", key, {text(score), member}));
}

void RedisKeyspace::remove_score(const KeyName& key, std::string_view member) {
  const CallReply reply(call("ZREM", key, {member}));
}

// --- lists ---------------------------------------------------------------------------------------

std::uint64_t RedisKeyspace::length(const KeyName& key) {
  add_late_entries(key);
  RedisModuleKey* opened = open_to_read(key);
  return opened == nullptr ? 0 : api::ValueLength(opened);
}

std::uint64_t RedisKeyspace::list_length(const KeyName& key) {
  return length(key);
}

// Not by LRANGE: within the event of a waiting client that is served no command may run, for at its end the server would
// send that client invalidations before its answer.
std::vector<std::string> RedisKeyspace::list_range(const KeyName& key, std::uint64_t at,
                                                   std::uint64_t count) {
  std::vector<std::string> values;
  const std::uint64_t all = length(key);
  for (; at < all && values.size() < count; ++at) {
    String* element = api::ListGet(open_.read, static_cast<long>(at));
    if (element == nullptr) break;
    values.emplace_back(bytes_of(element));
    api::FreeString(open_.ctx, element);
  }
  return values;
}

void RedisKeyspace::insert_elements(const KeyName& key, std::uint64_t at,
                                    const std::vector<std::string>& values) {
  const std::uint64_t length = list_length(key);
  CHECK(at <= length);
  if (at == length) {
    for (const auto& value : values) const CallReply reply(call("RPUSH", key, {value}));
    return;
  }
  if (at == 0) {
    for (auto value = values.rbegin(); value != values.rend(); ++value) {
      const CallReply reply(call("LPUSH", key, {*value}));
    }
    return;
  }
  const Flag writing(writing_);
  RedisModuleKey* opened = open_to_write(key);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const OwnedString value(values[i]);
    api::ListInsert(opened, static_cast<long>(at + i), value.get());
  }
  close_written(opened);
}

void RedisKeyspace::remove_elements(const KeyName& key, std::uint64_t at, std::uint64_t count) {
  const Flag writing(writing_);
  RedisModuleKey* opened = open_to_write(key);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (api::ListDelete(opened, static_cast<long>(at)) != kOk) break;
  }
  close_written(opened);
}

// --- everything ----------------------------------------------------------------------------------

void RedisKeyspace::write_library(std::string_view name, std::string_view code) {
  close();
  const Flag writing(writing_);
  if (code.empty()) {
    const CallReply reply(
        api::Call(open_.ctx, "FUNCTION", "cb", "DELETE", name.data(), name.size()));
  } else {
    const CallReply reply(
        api::Call(open_.ctx, "FUNCTION", "ccb", "LOAD", "REPLACE", code.data(), code.size()));
  }
}

std::vector<crdt::WriteLibrary> RedisKeyspace::libraries() {
  close();
  std::vector<crdt::WriteLibrary> found;
  const CallReply reply(api::Call(open_.ctx, "FUNCTION", "cc", "LIST", "WITHCODE"));
  if (reply.failed()) return found;
  for (std::size_t i = 0; i < api::CallReplyLength(reply.get()); ++i) {
    RedisModuleCallReply* library = api::CallReplyArrayElement(reply.get(), i);
    crdt::WriteLibrary one;
    for (std::size_t j = 0; j + 1 < api::CallReplyLength(library); j += 2) {
      const auto name = bytes_of(api::CallReplyArrayElement(library, j));
      const auto value = bytes_of(api::CallReplyArrayElement(library, j + 1));
      if (name == "library_name") one.name = value;
      if (name == "library_code") one.code = value;
    }
    found.push_back(std::move(one));
  }
  return found;
}

void RedisKeyspace::for_each_element(
    const KeyName& key, const std::function<void(std::string_view, std::string_view)>& each) {
  if (type(key) == ValueType::kStream) return for_each_entry_id(key, each);
  RedisModuleKey* opened = open_to_read(key);
  if (opened == nullptr) return;
  const auto visit = [](RedisModuleKey*, String* element, String* value, void* data) {
    const auto& call_back =
        *static_cast<const std::function<void(std::string_view, std::string_view)>*>(data);
    call_back(bytes_of(element), value == nullptr ? std::string_view{} : bytes_of(value));
  };
  RedisModuleScanCursor* cursor = api::ScanCursorCreate();
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the ABI passes a void* through
  void* data = const_cast<void*>(static_cast<const void*>(&each));
  while (api::ScanKey(opened, cursor, visit, data) != 0) {
  }
  api::ScanCursorDestroy(cursor);
}

void RedisKeyspace::for_each_key(std::uint32_t db,
                                 const std::function<void(const KeyName&)>& each) {
  close();
  select(db);
  struct Visit {
    std::uint32_t db;
    const std::function<void(const KeyName&)>& each;
  } visit{db, each};
  RedisModuleScanCursor* cursor = api::ScanCursorCreate();
  const auto found = [](Ctx*, String* name, RedisModuleKey*, void* data) {
    const auto& to = *static_cast<Visit*>(data);
    to.each(KeyName{to.db, std::string(bytes_of(name))});
  };
  while (api::Scan(open_.ctx, cursor, found, &visit) != 0) {
  }
  api::ScanCursorDestroy(cursor);
}

std::uint32_t RedisKeyspace::db_count() {
  if (open_.at < 0) open_.at = selected_db(open_.ctx);
  std::uint32_t count = 0;
  while (api::SelectDb(open_.ctx, static_cast<int>(count)) == kOk) ++count;
  api::SelectDb(open_.ctx, open_.at);
  return count;
}

}  // namespace sluice::module
