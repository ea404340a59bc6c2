// crdt::Keyspace over the keys of the server that has loaded us.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crdt/keyspace.h"
#include "module/observer.h"
#include "module/redismodule.h"

namespace sluice::module {

// Strings of the server, owned.
class OwnedString {
 public:
  explicit OwnedString(std::string_view bytes)
      : string_(api::CreateString(nullptr, bytes.data(), bytes.size())) {}
  ~OwnedString() { api::FreeString(nullptr, string_); }
  OwnedString(const OwnedString&) = delete;
  OwnedString& operator=(const OwnedString&) = delete;
  String* get() const { return string_; }

 private:
  String* string_;
};

// A reply of RM_Call, owned; `failed()` for error replies and commands that could not run.
class CallReply {
 public:
  explicit CallReply(RedisModuleCallReply* reply) : reply_(reply) {}
  ~CallReply() {
    if (reply_ != nullptr) api::FreeCallReply(reply_);
  }
  CallReply(const CallReply&) = delete;
  CallReply& operator=(const CallReply&) = delete;
  RedisModuleCallReply* get() const { return reply_; }
  bool failed() const { return reply_ == nullptr || api::CallReplyType(reply_) == kReplyError; }

 private:
  RedisModuleCallReply* reply_;
};

inline std::string_view bytes_of(const String* string) {
  std::size_t size = 0;
  const char* bytes = api::StringPtrLen(string, &size);
  return {bytes, size};
}

inline std::string_view bytes_of(RedisModuleCallReply* reply) {
  std::size_t size = 0;
  const char* bytes = api::CallReplyStringPtr(reply, &size);
  return bytes == nullptr ? std::string_view{} : std::string_view{bytes, size};
}

// Valid while a Use of a callback's context lives. One key stays open for reading. What is written here is written by ordinary commands wherever that costs
// little, so that WATCH, tracking, blocked clients and notifications see it; none of it replicates by
// itself. The observer must not look while `is_writing()`.
// What a RedisKeyspace has open.
struct Opened {
  Ctx* ctx = nullptr;
  crdt::KeyName named;  // whose name `name` is
  String* name = nullptr;
  RedisModuleKey* read = nullptr;  // open on `named`
  int db = -1;                     // where the context's client was, once we have led it elsewhere
  int at = -1;                     // where it is, once that was asked
};

// As Redis's own words say it.
struct ConsumerGroup {
  std::string name, last, entries_read, pending_count;
  std::vector<std::string> consumers = {};
  struct Pending {
    std::string id, consumer, idle_ms, deliveries;
  };
  std::vector<Pending> pending = {};
};

// Of XINFO STREAM.
struct StreamState {
  crdt::StreamId last, deleted_max;
  std::uint64_t entries_added = 0;
};

class RedisKeyspace final : public ObservedKeyspace {
 public:
  // May be nested: opening a key whose deadline has passed raises an event.
  class Use {
   public:
    Use(RedisKeyspace& keyspace, Ctx* ctx);
    Use(RedisKeyspace& keyspace, Ctx* ctx, std::uint32_t db);  // the context is in
    // The context of a command is its client's: that must find itself in the database where it was.
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    RedisKeyspace& keyspace_;
    Ctx* before_;
    std::unique_ptr<Opened> nested_;  // what was open, if anything was
  };

  // Opens the key once so that a deadline that has passed takes effect now.
  void expire_if_due(const crdt::KeyName& key);
  void expire_all_due(std::uint32_t db);  // likewise each key of a database, or of crdt::kEveryDb
  // Whether the key's expiry, of which the server tells now, was told by expire_now already.
  bool was_foretold(const crdt::KeyName& key);
  void forget_foretold() { foretold_.clear(); }
  bool is_writing() const { return writing_; }
  // Deadlines that had passed when they were set take effect now: they are held back, lest a key go while ops are
  // merged into it, and before them in the stream.
  void set_late_deadlines();
  // Entries that a stream got late, below its newest, go in together: each takes all off that is newer. Until then, at the end
  // of the outermost Use at the latest, only what merges elements knows of them.
  void add_late_entries();

  // As DUMP gives it, without the deadline; nothing: there is no such key.
  std::optional<std::string> dump(const crdt::KeyName& key);
  // What RESTORE makes of `value`, in the place of an absent key; a deadline that has passed makes nothing. False: the
  // server does not take it.
  bool restore(const crdt::KeyName& key, std::uint64_t deadline, std::string_view value);

  // Of a stream, in the place of those that it has; of another type there are none.
  std::vector<ConsumerGroup> groups(const crdt::KeyName& key);
  void set_groups(const crdt::KeyName& key, const std::vector<ConsumerGroup>& groups);

  // A string value if it can be had without disturbing how it is stored.
  crdt::ValueType type(const crdt::KeyName& key) override;
  crdt::Deadline deadline(const crdt::KeyName& key) override;
  void set_deadline(const crdt::KeyName& key, crdt::Deadline deadline) override;
  void remove(const crdt::KeyName& key) override;
  std::string string(const crdt::KeyName& key) override;
  void write_string(const crdt::KeyName& key, std::string_view value) override;
  void add_to_hll(const crdt::KeyName& key, const std::vector<std::string>& elements) override;
  void merge_hll(const crdt::KeyName& key, std::string_view registers) override;
  std::optional<std::string> field(const crdt::KeyName& key, std::string_view name) override;
  void write_field(const crdt::KeyName& key, std::string_view name,
                   std::string_view value) override;
  void remove_field(const crdt::KeyName& key, std::string_view name) override;
  bool contains(const crdt::KeyName& key, std::string_view member) override;
  void add_member(const crdt::KeyName& key, std::string_view member) override;
  void remove_member(const crdt::KeyName& key, std::string_view member) override;
  std::optional<double> score(const crdt::KeyName& key, std::string_view member) override;
  void write_score(const crdt::KeyName& key, std::string_view member, double score) override;
  void remove_score(const crdt::KeyName& key, std::string_view member) override;
  std::uint64_t list_length(const crdt::KeyName& key) override;
  std::vector<std::string> list_range(const crdt::KeyName& key, std::uint64_t at,
                                      std::uint64_t count) override;
  void insert_elements(const crdt::KeyName& key, std::uint64_t at,
                       const std::vector<std::string>& values) override;
  void remove_elements(const crdt::KeyName& key, std::uint64_t at, std::uint64_t count) override;
  bool contains(const crdt::KeyName& key, crdt::StreamId id) override;
  std::vector<crdt::Field> entry(const crdt::KeyName& key, crdt::StreamId id) override;
  void add_entry(const crdt::KeyName& key, crdt::StreamId id,
                 const std::vector<crdt::Field>& fields) override;
  void remove_entry(const crdt::KeyName& key, crdt::StreamId id) override;
  void write_library(std::string_view name, std::string_view code) override;
  std::vector<crdt::WriteLibrary> libraries();
  void for_each_element(
      const crdt::KeyName& key,
      const std::function<void(std::string_view, std::string_view)>& each) override;
  void for_each_key(std::uint32_t db,
                    const std::function<void(const crdt::KeyName&)>& each) override;
  std::uint32_t db_count() override;

  bool expire_now(const crdt::KeyName& key) override;
  std::vector<crdt::AddEntry> entries(const crdt::KeyName& key, crdt::StreamId first,
                                      std::uint64_t count) override;
  std::uint64_t length(const crdt::KeyName& key);  // of a value of any type; 0 without the key
  // The oldest `count` entries' ids.
  std::vector<crdt::StreamId> entry_ids(const crdt::KeyName& key, std::uint64_t count);
  // Before a command runs that may free the value of the key that is open.
  void close_key() { close(); }

 private:
  using Words = std::initializer_list<std::string_view>;

  void leave();
  void select(std::uint32_t db);
  String* name_of(const crdt::KeyName& key);
  RedisModuleKey* open_to_read(const crdt::KeyName& key);
  RedisModuleKey* open_to_write(const crdt::KeyName& key);
  void close_written(RedisModuleKey* opened);
  void close();
  // Runs `command key words...` in the key's database.
  RedisModuleCallReply* call(const char* command, const crdt::KeyName& key, Words words = {});
  RedisModuleCallReply* call(const char* command, const crdt::KeyName& key,
                             const std::vector<String*>& words);
  RedisModuleCallReply* info(const char* what, const crdt::KeyName& key,
                             std::string_view group = {});  // XINFO
  bool is_about_to_expire(const crdt::KeyName& key);
  bool add_newest(const crdt::KeyName& key, crdt::StreamId id,
                  const std::vector<crdt::Field>& fields);  // XADD
  std::optional<StreamState> stream_state(const crdt::KeyName& key);
  // Without those that are late.
  std::vector<crdt::AddEntry> native_entries(const crdt::KeyName& key, crdt::StreamId first,
                                             std::uint64_t count);
  void drop_late_entries(const crdt::KeyName& key);
  bool is_late(const crdt::KeyName& key, crdt::StreamId id) const;
  void add_late_entries(const crdt::KeyName& key);  // if they are this key's
  void for_each_entry_id(const crdt::KeyName& key,
                         const std::function<void(std::string_view, std::string_view)>& each);

  struct LateEntries {
    crdt::KeyName key;
    crdt::StreamId newest;  // in the stream, when the first came
    std::map<crdt::StreamId, std::vector<crdt::Field>> entries;
  };

  bool writing_ = false;
  std::map<crdt::KeyName, crdt::Deadline> late_;
  std::optional<LateEntries> late_entries_;
  std::vector<crdt::KeyName> foretold_;  // by the command that runs
  Opened open_;
};

}  // namespace sluice::module
