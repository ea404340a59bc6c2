// What an AOF ends with is done twice while it is loaded: here, to see what it does as a replica would see it, and, when all is
// as it was before, by the server.
#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "module/aof_files.h"
#include "module/command_table.h"
#include "module/node.h"

namespace sluice::module {

namespace {

using crdt::KeyName;

// Of the values that the keys had, which are held meanwhile.
constexpr std::size_t kImageBytesMax = std::size_t{1} << 30U;

class Strings {
 public:
  explicit Strings(const std::vector<std::string_view>& words) {
    strings_.reserve(words.size());
    for (const auto word : words)
      strings_.push_back(api::CreateString(nullptr, word.data(), word.size()));
  }
  ~Strings() {
    for (String* string : strings_) api::FreeString(nullptr, string);
  }
  Strings(const Strings&) = delete;
  Strings& operator=(const Strings&) = delete;

  std::span<String*> all() { return strings_; }

 private:
  std::vector<String*> strings_;
};

// Values as they are, to be put back.
class Images {
 public:
  explicit Images(RedisKeyspace& keyspace) : keyspace_(keyspace) {}

  // False: they would be too large.
  bool take(const KeyName& key) {
    const auto [at, is_new] = images_.try_emplace(key);
    if (!is_new) return true;
    if (auto value = keyspace_.dump(key)) {
      bytes_ += value->size();
      at->second = {std::move(*value), keyspace_.deadline(key)};
    }
    return bytes_ <= kImageBytesMax;
  }

  // How many the server did not take.
  std::size_t put_back() {
    std::size_t failed = 0;
    for (const auto& [key, image] : images_) {
      keyspace_.remove(key);
      if (!image) continue;
      const bool is_back = keyspace_.restore(key, 0, image->value);
      if (is_back && image->deadline != crdt::kNoDeadline)
        keyspace_.set_deadline(key, image->deadline);
      if (!is_back) ++failed;
    }
    keyspace_.set_late_deadlines();
    return failed;
  }

 private:
  struct Image {
    std::string value;
    crdt::Deadline deadline = crdt::kNoDeadline;
  };
  RedisKeyspace& keyspace_;
  std::map<KeyName, std::optional<Image>> images_;
  std::size_t bytes_ = 0;
};

std::optional<std::uint32_t> db_of(std::string_view word) {
  std::uint32_t db = 0;
  const auto read = std::from_chars(word.data(), word.data() + word.size(), db);
  return read.ec == std::errc() ? std::optional(db) : std::nullopt;
}

// Where the second key is, of MOVE key db and of COPY key key [DB db].
std::optional<std::uint32_t> other_db(std::span<const std::string_view> words) {
  if (is_word(words[0], "move") && words.size() == 3) return db_of(words[2]);
  for (std::size_t at = 3; is_word(words[0], "copy") && at + 1 < words.size(); ++at)
    if (is_word(words[at], "db")) return db_of(words[at + 1]);
  return std::nullopt;
}

std::vector<KeyName> keys_of(Ctx* ctx, const AofCommand& command) {
  Strings words(command.words);
  int count = 0;
  int* const at =
      api::GetCommandKeys(ctx, words.all().data(), static_cast<int>(words.all().size()), &count);
  std::vector<KeyName> keys;
  const auto other = other_db(command.words);
  for (const int position : std::span(at, at == nullptr ? 0 : static_cast<std::size_t>(count))) {
    const std::string name(command.words[static_cast<std::size_t>(position)]);
    keys.push_back({command.db, name});
    if (other) keys.push_back({*other, name});
  }
  api::Free(at);
  return keys;
}

}  // namespace

void Node::look_for_tail(Ctx* ctx) {
  turn_ends_ = {};
  const auto folder = config_value(ctx, "dir"), of_aof = config_value(ctx, "appenddirname"),
             name = config_value(ctx, "appendfilename");
  if (!folder || !of_aof || !name) return;
  auto tail = read_aof_tail(read_file_, *folder + "/" + *of_aof, *name + ".manifest");
  if (!tail) {
    return api::Log(ctx, "warning", "sluice-geo: the AOF was not looked at before it is loaded: %s",
                    tail.error().detail.c_str());
  }
  tail_ = std::make_unique<AofTail>(*std::move(tail));
  turns_left_ = tail_->turns();
}

void Node::preamble_is_loaded() {
  if (is_loading_ && tail_ != nullptr && turns_left_ == 0) note_tail(nullptr);
}

void Node::has_run(Ctx* ctx, String** argv, int argc) {
  if (!is_loading_) return;
  std::vector<std::string_view> words;
  for (int at = 0; at < argc; ++at) words.push_back(bytes_of(argv[at]));
  if (!turn_ends_.is_one(words)) return;
  if (!is_word(words[0], "geo.ops")) unrecorded_.clear();
  if (tail_ != nullptr && turns_left_ > 0 && --turns_left_ == 0) note_tail(ctx);
}

// As a replica, which notes what it sees, and what its master's batch then tells.
void Node::note_tail(Ctx* ctx) {
  static Ctx* const own =
      api::GetThreadSafeContext(nullptr);  // no client's: it goes from database to database
  const auto tail = std::exchange(tail_, nullptr);
  auto commands = tail->commands();
  if (commands && commands->empty()) return;
  // Without a state it is all from before there was a module; and a batch that is sent again has ended no turn.
  if (!has_loaded_state_ || !unrecorded_.empty()) return;
  Images before(keyspace_);
  bool is_known = commands.has_value();
  if (is_known) {
    const RedisKeyspace::Use use(keyspace_, own);
    for (const auto& command : *commands)
      for (const auto& key : keys_of(own, command)) is_known = is_known && before.take(key);
  }
  if (!is_known) {
    return api::Log(ctx, "warning",
                    "sluice-geo: the writes that the AOF ends with, and no batch describes, are "
                    "too many to be told one by one: "
                    "the values of their keys are told");
  }
  key_counts_.begin();
  is_running_tail_ = true;
  for (const auto& command : *commands) run_of_tail(own, command);
  is_running_tail_ = false;
  forget_past();
  turn_ms_ = 0;
  const RedisKeyspace::Use use(keyspace_, own);
  if (const auto failed = before.put_back(); failed > 0)
    api::Log(ctx, "warning", "sluice-geo: %zu keys could not be put back", failed);
  is_tail_noted_ = true;
  torn_writes_ += commands->size();
  api::Log(ctx, "notice", "sluice-geo: the AOF ends with %zu writes that no batch describes",
           commands->size());
}

void Node::run_of_tail(Ctx* ctx, const AofCommand& command) {
  // XGROUP is none by its first word, and may make a stream: its event tells.
  static constexpr CommandRule kNone{"", Handling::kEvent, 0};
  const CommandRule* const found = find_rule(command.words[0]);
  const CommandRule& rule = found == nullptr ? kNone : *found;
  Strings words(command.words);
  forget_past();
  has_past_ = true;
  if (std::exchange(must_look_, rule.handling != Handling::kArguments)) key_counts_.look_at_few();
  const bool needs_words =
      rule.handling == Handling::kArguments || rule.handling == Handling::kSometimes;
  if (needs_words) stash_.remember(words.all(), rule.name);
  const bool is_replaced =
      rule.handling == Handling::kReplaced ||
      (rule.handling == Handling::kSometimes && must_replace(rule, stash_.words()));
  if (is_replaced) stash_.forget();
  const std::string name =
      is_replaced ? "geo." + std::string(rule.name) : std::string(command.words[0]);
  const auto behind = words.all().subspan(1);
  api::SelectDb(ctx, static_cast<int>(command.db));
  const CallReply reply(api::Call(ctx, name.c_str(), "vE", behind.data(), behind.size()));
  if (reply.failed())
    api::Log(ctx, "warning", "sluice-geo: %s at the AOF's end could not be done", name.c_str());
}

}  // namespace sluice::module
