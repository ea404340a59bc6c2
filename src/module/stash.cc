#include "module/stash.h"

#include <algorithm>
#include <utility>

#include "crdt/wire.h"
#include "module/command_table.h"
#include "module/keyspace.h"

namespace sluice::module {

namespace {

// Beyond this many waiting commands the oldest are forgotten; their events cost whole values.
constexpr std::size_t kHeldMax = 100'000;
constexpr std::size_t kBytesKept = std::size_t{1} << 20U;

// Positions in argv that may be the key of an event: first, last, step.
struct Positions {
  std::size_t first = 1, last = 1, step = 1;
};

Positions key_positions(std::span<const std::string_view> words) {
  const auto name = words[0];
  if (is_word(name, "mset") || is_word(name, "msetnx")) return {1, words.size() - 1, 2};
  if (is_word(name, "msetex")) return {2, words.size() - 1, 2};
  if (is_word(name, "del") || is_word(name, "unlink")) return {1, words.size() - 1, 1};
  if (is_word(name, "smove") || is_word(name, "lmove") || is_word(name, "blmove") ||
      is_word(name, "rpoplpush") || is_word(name, "brpoplpush")) {
    return {1, 2, 1};
  }
  if (is_word(name, "lmpop") || is_word(name, "blmpop")) return {2, words.size() - 1, 1};
  return {};
}

}  // namespace

void Stash::Command::resize(std::size_t to) {
  count = to;
  if (argv.size() >= to) return;
  argv.resize(to);
  words.resize(to);
}

void Stash::copy_words(Command& command, std::string_view name) {
  std::size_t total = 0;
  const std::span words(command.words.data(), command.count);
  words[0] = name;
  for (std::size_t i = 1; i < words.size(); ++i) {
    words[i] = bytes_of(command.argv[i]);
    total += words[i].size();
  }
  auto& bytes = command.bytes;
  if (bytes.size() < total) bytes.resize(total);
  if (bytes.size() > kBytesKept && total < kBytesKept) bytes = std::vector<char>(kBytesKept);
  char* at = bytes.data();
  for (std::size_t i = 1; i < words.size(); ++i) {
    char* const end = crdt::put_text(at, words[i]);
    words[i] = {at, words[i].size()};
    at = end;
  }
}

void Stash::remember(RedisModuleCommandFilterCtx* filter, std::string_view name,
                     std::size_t count) {
  current_.resize(count);
  current_.words[0] = name;
  const String** const argv = current_.argv.data();
  std::string_view* const words = current_.words.data();
  char* to = current_.bytes.data();
  std::size_t left = current_.bytes.size() > kBytesKept ? 0 : current_.bytes.size();
  for (std::size_t i = 1; i < count; ++i) {
    argv[i] = api::CommandFilterArgGet(filter, static_cast<int>(i));
    const auto word = bytes_of(argv[i]);
    if (word.size() > left) {
      remember_more(filter, i, name);
      break;
    }
    words[i] = {to, word.size()};
    to = crdt::put_text(to, word);
    left -= word.size();
  }
  current_held_ = 0;
  if (is_multi_open_) hold(current_);
}

// The words do not fit where those of the commands before did.
void Stash::remember_more(RedisModuleCommandFilterCtx* filter, std::size_t from,
                          std::string_view name) {
  for (std::size_t i = from; i < current_.count; ++i)
    current_.argv[i] = api::CommandFilterArgGet(filter, static_cast<int>(i));
  copy_words(current_, name);
}

void Stash::remember(std::span<String* const> argv, std::string_view name) {
  current_.resize(argv.size());
  std::ranges::copy(argv, current_.argv.begin());
  copy_words(current_, name);
  current_held_ = 0;
}

void Stash::hold(const Command& command) {
  while (held_.size() >= kHeldMax) release(oldest_id_++);
  const std::uint64_t id = next_id_++;
  Held& held = held_[id];
  held.command.resize(command.count);
  std::copy_n(command.argv.begin(), command.count, held.command.argv.begin());
  copy_words(held.command, command.words[0]);
  const Positions at = key_positions(held.command.known());
  for (std::size_t i = at.first; i <= at.last && i < command.count; i += at.step) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): holding counts references only
    String* key = api::HoldString(nullptr, const_cast<String*>(command.argv[i]));
    held.keys.push_back(key);
    by_key_[key] = id;
  }
  current_held_ = id;
}

void Stash::release(std::uint64_t id) {
  const auto found = held_.find(id);
  if (found == held_.end()) return;
  for (String* key : found->second.keys) {
    const auto by_key = by_key_.find(key);
    if (by_key != by_key_.end() && by_key->second == id) by_key_.erase(by_key);
    api::FreeString(nullptr, key);
  }
  held_.erase(found);
}

std::size_t Stash::Command::position_of(const String* key) const {
  for (std::size_t i = 1; i < count; ++i)
    if (argv[i] == key) return i;
  return 0;
}

Stash::Found Stash::search(const String* key) {
  if (const auto at = current_.position_of(key); at != 0) {
    if (current_held_ != 0) used_.push_back(std::exchange(current_held_, 0));
    return {current_.known(), at};
  }
  if (by_key_.empty()) return {};
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return {};
  used_.push_back(found->second);
  const Command& command = held_[found->second].command;
  return {command.known(), command.position_of(key)};
}

void Stash::sweep() {
  for (const auto id : used_) release(id);
  used_.clear();
}

void Stash::no_multi_is_open() {
  is_multi_open_ = false;
  used_.clear();
  while (!held_.empty()) release(held_.begin()->first);
  oldest_id_ = next_id_;
}

}  // namespace sluice::module
