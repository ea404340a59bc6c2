#include "module/replaced.h"

#include <algorithm>
#include <utility>

#include "module/commands.h"
#include "module/node.h"
#include "module/selected_db.h"

namespace sluice::module {

namespace {

using crdt::KeyName;

char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

Replaced::Replaced(Ctx* ctx, const char* name, String** argv, int argc)
    : ctx_(ctx),
      name_(name),
      argv_(argv + 1),
      argc_(static_cast<std::size_t>(argc - 1)),
      use_(node().keyspace(), ctx) {
  // A deadline that has passed takes effect before the command, where it is observed. Most have one key, in
  // front; those that pop from the first of several have nothing but keys and counts.
  const std::string_view word = name;
  const bool has_many_keys = (word.starts_with("B") && word != "BITFIELD") || word == "ZMPOP";
  const std::size_t keys = has_many_keys ? argc_ : std::min<std::size_t>(argc_, 1);
  for (std::size_t i = 0; i < keys; ++i) keyspace().expire_if_due(key_named(bytes_of(argv_[i])));
}

RedisKeyspace& Replaced::keyspace() const {
  return node().keyspace();
}

KeyName Replaced::key() const {
  return key_named(bytes_of(argv_[0]));
}

KeyName Replaced::key_named(std::string_view name) const {
  return {static_cast<std::uint32_t>(selected_db(ctx_)), std::string(name)};
}

RedisModuleCallReply* Replaced::run() const {
  return run_words(argv_, argc_, "v!E0C");
}

RedisModuleCallReply* Replaced::run_if_memory_allows() const {
  return run_words(argv_, argc_, "v!E0CM");
}

RedisModuleCallReply* Replaced::run(const std::vector<String*>& words) const {
  return run_words(words.data(), words.size(), "v!E0C");
}

// As its user (C): who may not run the native command may not by ours. A master and an AOF have no user.
RedisModuleCallReply* Replaced::run_words(String* const* words, std::size_t count,
                                          const char* format) const {
  const Node::Quiet quiet(node());
  keyspace().close_key();
  const bool is_told = (api::GetContextFlags(ctx_) & (kFlagReplicated | kFlagLoading)) != 0;
  return api::Call(ctx_, name_, is_told ? "v!E0" : format, words, count);
}

void Replaced::note(const KeyName& key, crdt::Effect effect, bool creates) const {
  node().note({{.key = key, .effect = std::move(effect), .creates = creates}});
}

void Replaced::note_removal(const KeyName& key, crdt::Effect effect) const {
  note(key, std::move(effect));
  if (keyspace().type(key) == crdt::ValueType::kNone) note(key, crdt::RemoveKey{}, true);
}

void Replaced::tell_now() const {
  node().flush_all(ctx_);
}

// What servers say to a module whose user lacks the right, in the words that they have for clients and scripts.
std::optional<std::string> Replaced::denial(std::string_view error) const {
  const bool is_script = (api::GetContextFlags(ctx_) & kFlagLua) != 0;
  constexpr std::string_view kDenied = "NOPERM ";
  if (error.starts_with(kDenied) && is_script) {
    return "ERR ACL failure in script: " + std::string(error.substr(kDenied.size()));
  }
  if (!error.starts_with("ERR acl verification failed")) return std::nullopt;  // 7.0
  if (is_script) return "ERR The user executing the script can't run this command or subcommand";
  std::string name(name_);
  if (is_container(*find_rule(name)) && argc_ > 0) name += "|" + std::string(bytes_of(argv_[0]));
  std::ranges::transform(name, name.begin(), ascii_lower);
  return "NOPERM this user has no permissions to run the '" + name + "' command";
}

int Replaced::answer(const CallReply& reply) const {
  if (reply.get() == nullptr) return reply_error(ctx_, "ERR the command could not be run");
  if (api::CallReplyType(reply.get()) == kReplyError) {
    if (const auto text = denial(bytes_of(reply.get()))) return reply_error(ctx_, *text);
  }
  return api::ReplyWithCallReply(ctx_, reply.get());
}

}  // namespace sluice::module
