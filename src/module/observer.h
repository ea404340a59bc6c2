// What a native write did, as ops: derived from its keyspace event, its arguments and the value after it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "crdt/keyspace.h"
#include "crdt/one_write.h"
#include "crdt/op.h"

namespace sluice::module {

// Streams are read with their fields too.
class ObservedKeyspace : public crdt::Keyspace {
 public:
  // Whether the key's deadline had passed, and it was removed now; no event tells of it. Never on a replica.
  virtual bool expire_now(const crdt::KeyName& key) = 0;
  // The entries of a stream from `first` on, at most `count` of them.
  virtual std::vector<crdt::AddEntry> entries(const crdt::KeyName& key, crdt::StreamId first,
                                              std::uint64_t count) = 0;
};

// `words` are the whole command that raised the event, its name first; none if it is not known. That
// costs precision, never convergence: the op is then the whole value.
struct Write {
  const char* event;
  const crdt::KeyName& key;
  std::span<const std::string_view> words;
  bool creates = false;  // there was no such key before
};

// Redis's events (t_*.c, db.c and others of 7.0) come while the command runs: after the value has
// changed, before an emptied key is removed ("del"), and "set" before the "expire" of the same SET. Pure: the same calls give the same ops.
class Observer {
 public:
  using Ops = std::vector<crdt::Op>;
  // Whether an event's name stays where it is for good. Of such a name the rule is found by the address.
  using Stays = bool (*)(const char* name);

  explicit Observer(Stays stays = nullptr) : stays_(stays) {}

  // Completes `one`, which names its key, to what observe() would append, if that is an op of the commonest kinds: a
  // view of what was given. If not, observe() has still to be asked.
  bool observe_one(const char* event, std::span<const std::string_view> words,
                   crdt::OneWrite& one) {
    if (words.empty()) return false;
    const Cached& cached = cached_[place_of(event)];
    const auto derive = cached.event == event ? cached.derive_one : one_of(event);
    return derive != nullptr && derive(words, one);
  }
  // Appends the ops of one event; not of those that are a part of the event before.
  void observe(const Write& write, ObservedKeyspace& keyspace, Ops& ops);
  // A list has become so long otherwise than by an event: by a batch, or a command that tells its ops itself.
  void list_became(const crdt::KeyName& key, std::uint64_t length) { remember_length(key, length); }
  // A command begins, or a turn of the event loop ends: nothing from before belongs to what follows.
  void forget() {
    awaits_expire_ = skips_pop_ = false;
    if (!lengths_.empty()) forget_lengths();
  }

  // The value of `key` as ops that remove what was there and write all of it.
  static void whole_value(const crdt::KeyName& key, ObservedKeyspace& keyspace, Ops& ops);

 private:
  struct Step;
  struct Rule;
  static const Rule kRules[];

  // One rule for each event; false: take the whole value instead.
  bool ignore(const Step& step);
  bool remove_key(const Step& step);
  bool expired(const Step& step);
  bool persist(const Step& step);
  bool expire(const Step& step);
  bool set(const Step& step);
  bool change(const Step& step);
  bool increment(const Step& step);
  bool increment_float(const Step& step);
  bool pfadd(const Step& step);
  bool hset(const Step& step);
  bool hincrby(const Step& step);
  bool hincrbyfloat(const Step& step);
  bool hdel(const Step& step);
  bool sadd(const Step& step);
  bool srem(const Step& step);
  bool zadd(const Step& step);
  bool zincr(const Step& step);
  bool zrem(const Step& step);
  bool push_head(const Step& step);
  bool push_tail(const Step& step);
  bool pop_head(const Step& step);
  bool pop_tail(const Step& step);
  bool lset(const Step& step);
  bool linsert(const Step& step);
  bool xadd(const Step& step);
  bool xdel(const Step& step);
  bool xgroup_create(const Step& step);

  const Rule* rule_of(const char* event);
  static const Rule* find_rule(const char* event);
  static void expire_other_keys(const Step& step);
  void push(const Step& step, bool at_head);
  void pop(const Step& step, bool at_head);
  void forget_lengths();  // not here: forget() is a part of every command
  void remember_length(const crdt::KeyName& key, std::uint64_t length);
  std::optional<std::uint64_t> known_length(const crdt::KeyName& key) const;

  struct Length {
    crdt::KeyName key;
    std::uint64_t length = 0;
  };

  bool awaits_expire_ = false;     // a SET with a deadline, whose "expire" is to come
  bool awaiting_creates_ = false;  // that SET
  bool skips_pop_ = false;         // of a list that was rotated
  // What a client that waited pushed to the list whose other end it popped: "lpop" or "rpop" is next.
  std::optional<crdt::InsertElements> rotated_;
  // Lists pushed to in this turn: a client that was blocked on one may be served next, by a count that
  // no command tells.
  std::vector<Length> lengths_;
  // Fills in the op if the command is of the commonest form.
  using DeriveOne = bool (*)(std::span<const std::string_view> words, crdt::OneWrite& one);
  struct Cached {
    const char* event = nullptr;
    const Rule* rule = nullptr;  // null: there is none
    DeriveOne derive_one = nullptr;
  };
  static constexpr std::size_t kCachedRules = 512;
  static std::size_t place_of(const char* event) {
    const auto address = reinterpret_cast<std::uintptr_t>(event);
    return (address ^ (address >> 9U)) % kCachedRules;
  }
  DeriveOne one_of(const char* event);
  Stays stays_;
  std::array<Cached, kCachedRules> cached_{};  // by the address of the event's name
};

}  // namespace sluice::module
