// The arguments of the command that runs now, and of those that wait in open MULTIs, kept for the events
// that they will raise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "module/keyspace.h"
#include "module/redismodule.h"

namespace sluice::module {

// A command filter sees a command before it runs; within MULTI, when it is queued, and not again at EXEC
// (Redis 7.0). An event names its command by the identity of the key object, which both share. Words are
// copied, for Redis may have rewritten and freed the arguments by the time of the event; key objects of
// queued commands are held, so that no other object takes their address.
class Stash {
 public:
  Stash() = default;
  ~Stash() = default;  // held strings are the server's: it outlives us only at exit
  Stash(const Stash&) = delete;
  Stash& operator=(const Stash&) = delete;

  // A command of no interest runs: nothing known of it will be asked.
  void forget() {
    current_.count = 0;
    if (!used_.empty()) sweep();
  }
  // `name` is the command's in lower case, and stays.
  void remember(RedisModuleCommandFilterCtx* filter, std::string_view name, std::size_t count);
  // One that does not come by a filter, and is in no MULTI; argv outlives its events.
  void remember(std::span<String* const> argv, std::string_view name);
  std::span<const std::string_view> words() const { return current_.known(); }

  // The command that raised an event, and which of its words is the event's key. Valid until the next call.
  struct Found {
    std::span<const std::string_view> words = {};  // none: it is not known
    std::size_t key = 0;

    bool is_of(const String* name) const { return !words.empty() && words[key] == bytes_of(name); }
  };
  Found command_of(const String* key, int event_type) {
    const bool is_first = current_.count > 1 && current_.argv[1] == key && current_held_ == 0;
    const Found found = is_first ? Found{current_.known(), 1} : search(key);
    // What the server itself removes between commands has a new key object, which may stand where an argument stood
    // that is gone.
    const bool may_be_stale =
        (event_type & (kNotifyGeneric | kNotifyExpired | kNotifyEvicted)) != 0;
    return may_be_stale && !found.is_of(key) ? Found() : found;
  }

  // Commands are held from the first MULTI on until nobody has one open.
  void multi_begins() { is_multi_open_ = true; }
  void no_multi_is_open();
  bool is_multi_open() const { return is_multi_open_; }
  std::size_t held() const { return held_.size(); }

 private:
  struct Command {
    std::size_t count = 0;  // of what follows; the vectors only grow, and their first is the name's
    std::vector<const String*> argv;
    std::vector<std::string_view> words;  // but for the first in `bytes`, which only grows
    std::vector<char> bytes;

    std::span<const std::string_view> known() const { return {words.data(), count}; }
    void resize(std::size_t to);
    std::size_t position_of(const String* key) const;  // 0: none
  };
  struct Held {
    Command command;
    std::vector<String*> keys;
  };

  void remember_more(RedisModuleCommandFilterCtx* filter, std::size_t from, std::string_view name);
  Found search(const String* key);
  // Drops what was held for commands that have run.
  void sweep();
  // Copies the words that are still in argv.
  static void copy_words(Command& command, std::string_view name);
  void hold(const Command& command);
  void release(std::uint64_t id);

  Command current_;
  std::uint64_t current_held_ = 0;  // the same command among the held ones
  bool is_multi_open_ = true;       // until somebody has looked
  std::uint64_t next_id_ = 1, oldest_id_ = 1;
  std::unordered_map<std::uint64_t, Held> held_;
  std::unordered_map<const String*, std::uint64_t> by_key_;
  std::vector<std::uint64_t> used_;
};

}  // namespace sluice::module
