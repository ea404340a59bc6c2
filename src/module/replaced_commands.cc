// Commands whose effects their events do not tell. Each runs the native command inside, with the same
// arguments and the same reply, and notes what it did.
#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "module/command_table.h"
#include "module/commands.h"
#include "module/node.h"
#include "module/observer_step.h"
#include "module/replaced_streams.h"
#include "module/replaced_strings.h"
#include "module/selected_db.h"
#include "module/unknown_writes.h"

namespace sluice::module {

namespace {

using crdt::KeyName;

// --- sets and sorted sets ------------------------------------------------------------------------

// The members that a reply of ZPOP* or SPOP names: members, members and scores in turn, or pairs.
std::vector<std::string> members_of(RedisModuleCallReply* reply, bool have_scores) {
  std::vector<std::string> members;
  const int type = api::CallReplyType(reply);
  if (type == kReplyString) members.emplace_back(bytes_of(reply));
  if (type != kReplyArray && type != kReplySet) return members;
  const std::size_t size = api::CallReplyLength(reply);
  for (std::size_t i = 0; i < size; ++i) {
    RedisModuleCallReply* element = type == kReplySet ? api::CallReplySetElement(reply, i)
                                                      : api::CallReplyArrayElement(reply, i);
    if (api::CallReplyType(element) == kReplyArray) {
      members.emplace_back(bytes_of(api::CallReplyArrayElement(element, 0)));
    } else if (!have_scores || i % 2 == 0) {
      members.emplace_back(bytes_of(element));
    }
  }
  return members;
}

void note_removed_scores(const Replaced& command, const KeyName& key,
                         std::vector<std::string> members) {
  if (!members.empty()) command.note_removal(key, crdt::RemoveScores{std::move(members)});
}

int spop(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, "SPOP", argv, argc);
  const CallReply reply(command.run());
  if (!reply.failed()) {
    auto members = members_of(reply.get(), false);
    if (!members.empty()) {
      command.note_removal(command.key(), crdt::RemoveMembers{std::move(members)});
      if (argc > 2) command.tell_now();  // in the stream: a removal of each, or of the key
    }
  }
  return command.answer(reply);
}

template <bool kMax>
int zpop(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, kMax ? "ZPOPMAX" : "ZPOPMIN", argv, argc);
  const CallReply reply(command.run());
  if (!reply.failed()) note_removed_scores(command, command.key(), members_of(reply.get(), true));
  return command.answer(reply);
}

// [key, [[member, score], ...]]
void note_multi_pop(const Replaced& command, RedisModuleCallReply* reply) {
  if (api::CallReplyType(reply) != kReplyArray || api::CallReplyLength(reply) != 2) return;
  const KeyName key = command.key_named(bytes_of(api::CallReplyArrayElement(reply, 0)));
  note_removed_scores(command, key, members_of(api::CallReplyArrayElement(reply, 1), true));
}

// ZMPOP numkeys key ...; BZMPOP timeout numkeys key ...
int tell_keys(Ctx* ctx, String** argv, int argc, int count_at) {
  const auto count = argc > count_at ? integer(bytes_of(argv[count_at])) : std::nullopt;
  for (int i = 1; count && i <= *count && count_at + i < argc; ++i) {
    api::KeyAtPos(ctx, count_at + i);
  }
  return kOk;
}

int zmpop(Ctx* ctx, String** argv, int argc) {
  if (api::IsKeysPositionRequest(ctx) != 0) return tell_keys(ctx, argv, argc, 1);
  const Replaced command(ctx, "ZMPOP", argv, argc);
  const CallReply reply(command.run());
  if (!reply.failed()) note_multi_pop(command, reply.get());
  return command.answer(reply);
}

// --- blocking pops ---------------------------------------------------------------------------------

// The native command does not block within RM_Call: it answers as if its time were over.
enum class Popped : bool { kNo, kYes };

// [key, member, score] or, for BZMPOP, as ZMPOP.
Popped try_pop(Ctx* ctx, const char* name, String** argv, int argc) {
  const Replaced command(ctx, name, argv, argc);
  const CallReply reply(command.run());
  if (!reply.failed()) {
    RedisModuleCallReply* array = reply.get();
    if (api::CallReplyType(array) != kReplyArray) return Popped::kNo;
    if (api::CallReplyLength(array) == 3) {
      const KeyName key = command.key_named(bytes_of(api::CallReplyArrayElement(array, 0)));
      note_removed_scores(command, key,
                          {std::string(bytes_of(api::CallReplyArrayElement(array, 1)))});
    } else {
      note_multi_pop(command, array);
    }
  }
  command.answer(reply);
  return Popped::kYes;
}

constexpr char kBzpopmin[] = "BZPOPMIN";
constexpr char kBzpopmax[] = "BZPOPMAX";
constexpr char kBzmpop[] = "BZMPOP";

// Of the key that was written to alone, as the native command is served; what is no sorted set is waited past.
template <const char* kName>
int serve_blocked(Ctx* ctx, String** argv, int argc) {
  String* ready = api::GetBlockedClientReadyKey(ctx);
  if (ready == nullptr) return kErr;
  {
    const RedisKeyspace::Use use(node().keyspace(), ctx);
    const KeyName key{static_cast<std::uint32_t>(selected_db(ctx)), std::string(bytes_of(ready))};
    if (node().keyspace().type(key) != crdt::ValueType::kZset) return kErr;
  }
  if (kName != kBzmpop) {
    String* words[] = {argv[0], ready, argv[argc - 1]};
    return try_pop(ctx, kName, words, 3) == Popped::kYes ? kOk : kErr;
  }
  // BZMPOP timeout numkeys key ... MIN|MAX [COUNT count]
  const OwnedString one("1");
  std::vector<String*> words{argv[0], argv[1], one.get(), ready};
  words.insert(words.end(), argv + 3 + integer(bytes_of(argv[2])).value_or(0), argv + argc);
  return try_pop(ctx, kName, words.data(), static_cast<int>(words.size())) == Popped::kYes ? kOk
                                                                                           : kErr;
}

int time_is_over(Ctx* ctx, String** /*argv*/, int /*argc*/) {
  return api::ReplyWithNullArray(ctx);
}

template <const char* kName>
int pop_or_block(Ctx* ctx, String** argv, int argc) {
  constexpr bool kIsMulti = kName == kBzmpop;
  if (kIsMulti && api::IsKeysPositionRequest(ctx) != 0) return tell_keys(ctx, argv, argc, 2);
  if (try_pop(ctx, kName, argv, argc) == Popped::kYes) return kOk;
  if ((api::GetContextFlags(ctx) & (kFlagDenyBlocking | kFlagMulti | kFlagLua)) != 0) {
    return api::ReplyWithNullArray(ctx);
  }
  // What the native command has accepted is a number of seconds, and of keys.
  const auto seconds = number(bytes_of(argv[kIsMulti ? 1 : argc - 1])).value_or(0);
  const int first = kIsMulti ? 3 : 1;
  const int keys = kIsMulti ? static_cast<int>(integer(bytes_of(argv[2])).value_or(0)) : argc - 2;
  api::BlockClientOnKeys(ctx, guarded<serve_blocked<kName>>, guarded<time_is_over>, nullptr,
                         static_cast<long long>(seconds * 1000 + 0.999), argv + first, keys,
                         nullptr);
  return kOk;
}

// --- ranges -----------------------------------------------------------------------------------------

template <const char* kName, const char* kReader>
int remove_range(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, kName, argv, argc);
  std::vector<std::string> members;
  if (command.keyspace().type(command.key()) == crdt::ValueType::kZset) {
    command.keyspace().close_key();
    const CallReply before(
        api::Call(ctx, kReader, "v", argv + 1, static_cast<std::size_t>(argc - 1)));
    if (!before.failed()) members = members_of(before.get(), false);
  }
  const CallReply reply(command.run());
  if (!reply.failed()) {
    // Of members whose scores differ, reading by lex may show others than removing takes.
    if (members.size() == static_cast<std::size_t>(api::CallReplyInteger(reply.get()))) {
      note_removed_scores(command, command.key(), std::move(members));
    } else {
      Observer::Ops ops;
      Observer::whole_value(command.key(), command.keyspace(), ops);
      node().note(ops);
    }
  }
  return command.answer(reply);
}

constexpr char kByScore[] = "ZREMRANGEBYSCORE", kReadByScore[] = "ZRANGEBYSCORE";
constexpr char kByRank[] = "ZREMRANGEBYRANK", kReadByRank[] = "ZRANGE";
constexpr char kByLex[] = "ZREMRANGEBYLEX", kReadByLex[] = "ZRANGEBYLEX";

int ltrim(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, "LTRIM", argv, argc);
  const KeyName key = command.key();
  const bool is_list = command.keyspace().type(key) == crdt::ValueType::kList;
  const auto length = is_list ? static_cast<std::int64_t>(command.keyspace().list_length(key)) : 0;
  const CallReply reply(command.run());
  const auto first = integer(bytes_of(argv[2]));
  const auto last = integer(bytes_of(argv[3]));
  if (!reply.failed() && length > 0 && first && last) {
    const auto at = [&](std::int64_t index) {
      return std::clamp<std::int64_t>(index < 0 ? length + index : index, -1, length);
    };
    const std::int64_t head = std::max<std::int64_t>(at(*first), 0);
    const std::int64_t tail = std::min(at(*last), length - 1);  // the last that stays
    if (head > tail) {
      command.note(key, crdt::RemoveKey{});
    } else {
      const auto behind = static_cast<std::uint64_t>(length - 1 - tail);
      const auto all = static_cast<std::uint64_t>(length);
      if (behind > 0) command.note(key, crdt::RemoveElements{tail + 1, behind, all});
      if (head > 0)
        command.note(key, crdt::RemoveElements{0, static_cast<std::uint64_t>(head), all - behind});
    }
  }
  return command.answer(reply);
}

// LREM key count element: the first ones, from the tail if count is negative.
int lrem(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, "LREM", argv, argc);
  const KeyName key = command.key();
  std::vector<std::string> list;
  if (command.keyspace().type(key) == crdt::ValueType::kList) {
    list = command.keyspace().list_range(key, 0, command.keyspace().list_length(key));
  }
  const CallReply reply(command.run());
  if (!reply.failed() && api::CallReplyInteger(reply.get()) > 0) {
    const auto count = integer(bytes_of(argv[2])).value_or(0);
    const auto removed = static_cast<std::size_t>(api::CallReplyInteger(reply.get()));
    const auto element = bytes_of(argv[3]);
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i] == element) places.push_back(i);
    }
    if (places.size() > removed) {
      if (count < 0) {
        places.erase(places.begin(), places.end() - static_cast<std::ptrdiff_t>(removed));
      } else {
        places.resize(removed);
      }
    }
    if (removed == list.size()) {
      command.note(key, crdt::RemoveKey{});
    } else {
      std::uint64_t length = list.size();
      for (auto place = places.rbegin(); place != places.rend(); ++place) {
        command.note(key, crdt::RemoveElements{static_cast<std::int64_t>(*place), 1, length--});
      }
    }
  }
  return command.answer(reply);
}

// --- databases and libraries -------------------------------------------------------------------------

template <bool kEveryDb>
int flush_db(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, kEveryDb ? "FLUSHALL" : "FLUSHDB", argv, argc);
  const bool is_told = (api::GetContextFlags(ctx) & kFlagReplicated) != 0;
  if (!is_told && !node().config().allow_flush) {
    return reply_error(
        ctx,
        "ERR refused by sluice-geo: this would empty every region; if that is meant, "
        "CONFIG SET geo.allow-flush yes first");
  }
  if (!is_told && node().region().is_half_merged()) {
    return reply_error(ctx, "ERR refused by sluice-geo while a peer's snapshot is being merged");
  }
  const auto db = static_cast<std::uint32_t>(selected_db(ctx));
  const crdt::Flush flush{kEveryDb ? crdt::kEveryDb : db};
  const bool is_noted = is_told && node().region().has_just_noted(flush);
  if (!is_noted) node().begin_to_do({.key = {db, ""}, .effect = flush, .creates = false});
  const CallReply reply(command.run());
  node().end_doing(!reply.failed());
  if (!reply.failed())
    command.tell_now();  // no event tells whoever loads an AOF that ends before the batch
  return command.answer(reply);
}

bool has_library(const std::vector<crdt::WriteLibrary>& all, const crdt::WriteLibrary& one,
                 bool with_code) {
  return std::ranges::any_of(all, [&](const crdt::WriteLibrary& other) {
    return other.name == one.name && (!with_code || other.code == one.code);
  });
}

int function(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, "FUNCTION", argv, argc);
  const auto before = node().keyspace().libraries();
  const CallReply reply(command.run_if_memory_allows());
  if (!reply.failed()) {
    const auto after = node().keyspace().libraries();
    for (const auto& gone : before) {
      if (!has_library(after, gone, false))
        command.note({0, ""}, crdt::WriteLibrary{gone.name, ""});
    }
    for (const auto& written : after) {
      if (!has_library(before, written, true)) command.note({0, ""}, written);
    }
    command.tell_now();  // likewise
  }
  return command.answer(reply);
}

// --- refused -----------------------------------------------------------------------------------------

template <const char* kName>
int refused(Ctx* ctx, String** /*argv*/, int /*argc*/) {
  return reply_error(ctx, "ERR " + std::string(kName) +
                              " is refused by sluice-geo: " + std::string(refusal(kName)));
}
constexpr char kHexpire[] = "HEXPIRE", kHexpireat[] = "HEXPIREAT", kHpexpire[] = "HPEXPIRE",
               kHpexpireat[] = "HPEXPIREAT", kHpersist[] = "HPERSIST", kHsetex[] = "HSETEX",
               kHgetex[] = "HGETEX";
constexpr char kSwapdb[] = "SWAPDB", kMigrate[] = "MIGRATE", kPfdebug[] = "PFDEBUG",
               kDebug[] = "DEBUG", kCluster[] = "CLUSTER";

// GEO.REFUSE name ...: what an unknown command is made to be (see UnknownWrites).
int refuse_unknown(Ctx* ctx, String** argv, int argc) {
  if (argc < 2) return api::WrongArity(ctx);
  return reply_error(ctx, "ERR " + std::string(bytes_of(argv[1])) +
                              " is refused by sluice-geo: it is unknown here what it writes, so "
                              "other regions could not be told");
}

// CONFIG SET of what would make regions differ.
int config(Ctx* ctx, String** argv, int argc) {
  for (int i = 2; i + 1 < argc; i += 2) {
    const auto value = bytes_of(argv[i + 1]);
    if (is_word(bytes_of(argv[i]), "maxmemory-policy") && !is_word(value, "noeviction")) {
      return reply_error(
          ctx,
          "ERR refused by sluice-geo: evicted keys would be removed in every region; "
          "the only maxmemory-policy is noeviction");
    }
    if (is_word(bytes_of(argv[i]), "aof-use-rdb-preamble") && !is_word(value, "yes")) {
      return reply_error(
          ctx,
          "ERR refused by sluice-geo: an AOF without an RDB preamble loses its state "
          "with every rewrite");
    }
  }
  const Replaced command(ctx, "CONFIG", argv, argc);
  const CallReply reply(command.run());
  return command.answer(reply);
}

struct Implementation {
  std::string_view name;
  CommandFunction run;
};

constexpr Implementation kImplementations[] = {
    {"bitfield", guarded<replaced_bitfield>},
    {"incrbyfloat", guarded<replaced_incrbyfloat>},
    {"hincrbyfloat", guarded<replaced_hincrbyfloat>},
    {"spop", guarded<spop>},
    {"zpopmin", guarded<zpop<false>>},
    {"zpopmax", guarded<zpop<true>>},
    {"zmpop", guarded<zmpop>},
    {"bzpopmin", guarded<pop_or_block<kBzpopmin>>},
    {"bzpopmax", guarded<pop_or_block<kBzpopmax>>},
    {"bzmpop", guarded<pop_or_block<kBzmpop>>},
    {"zremrangebyscore", guarded<remove_range<kByScore, kReadByScore>>},
    {"zremrangebyrank", guarded<remove_range<kByRank, kReadByRank>>},
    {"zremrangebylex", guarded<remove_range<kByLex, kReadByLex>>},
    {"ltrim", guarded<ltrim>},
    {"lrem", guarded<lrem>},
    {"xadd", guarded<replaced_xadd>},
    {"xtrim", guarded<replaced_xtrim>},
    {"flushdb", guarded<flush_db<false>>},
    {"flushall", guarded<flush_db<true>>},
    {"function", guarded<function>},
    {"debug", guarded<refused<kDebug>>},
    {"cluster", guarded<refused<kCluster>>},
    {"config", guarded<config>},
    {"swapdb", guarded<refused<kSwapdb>>},
    {"migrate", guarded<refused<kMigrate>>},
    {"pfdebug", guarded<refused<kPfdebug>>},
    {"hexpire", guarded<refused<kHexpire>>},
    {"hexpireat", guarded<refused<kHexpireat>>},
    {"hpexpire", guarded<refused<kHpexpire>>},
    {"hpexpireat", guarded<refused<kHpexpireat>>},
    {"hpersist", guarded<refused<kHpersist>>},
    {"hsetex", guarded<refused<kHsetex>>},
    {"hgetex", guarded<refused<kHgetex>>},
};

// What the server says of the native command, in the words of RM_CreateCommand, as far as a module may say it.
std::string native_flags(Ctx* ctx, const CommandRule& rule) {
  struct Word {
    std::string_view native, ours;
  };
  constexpr Word kWords[] = {{"write", "write"},       {"denyoom", "deny-oom"},
                             {"admin", "admin"},       {"noscript", "deny-script"},
                             {"fast", "fast"},         {"loading", "allow-loading"},
                             {"stale", "allow-stale"}, {"blocking", "blocking"}};
  const std::string name(rule.name);
  const CallReply reply(api::Call(ctx, "COMMAND", "cc", "INFO", name.c_str()));
  std::string flags;
  if (reply.failed() || api::CallReplyLength(reply.get()) != 1) return flags;
  RedisModuleCallReply* info = api::CallReplyArrayElement(reply.get(), 0);
  if (api::CallReplyType(info) != kReplyArray || api::CallReplyLength(info) < 3) return flags;
  RedisModuleCallReply* said = api::CallReplyArrayElement(info, 2);
  const bool is_set = api::CallReplyType(said) == kReplySet;
  for (std::size_t i = 0; i < api::CallReplyLength(said); ++i) {
    const auto flag =
        bytes_of(is_set ? api::CallReplySetElement(said, i) : api::CallReplyArrayElement(said, i));
    for (const auto& [native, ours] : kWords) {
      if (flag == native) flags += (flags.empty() ? "" : " ") + std::string(ours);
    }
  }
  if (!flags.empty() && rule.flags.find("getkeys-api") != std::string_view::npos) {
    flags += " getkeys-api";
  }
  return flags;
}

}  // namespace

bool register_replaced_commands(Ctx* ctx) {
  for (const auto& implementation : kImplementations) {
    const CommandRule* rule = find_rule(implementation.name);
    const std::string name = "geo." + std::string(rule->name);
    // Containers say nothing; the table does.
    std::string flags = is_container(*rule) ? "" : native_flags(ctx, *rule);
    if (flags.empty()) flags = rule->flags.empty() ? "write" : std::string(rule->flags);
    if (api::CreateCommand(ctx, name.c_str(), implementation.run, flags.c_str(), rule->first_key,
                           rule->last_key, rule->key_step) != kOk) {
      api::Log(ctx, "warning", "sluice-geo: the server takes no command %s", name.c_str());
      return false;
    }
  }
  return api::CreateCommand(ctx, kRefuseUnknown, guarded<refuse_unknown>, "write", 0, 0, 0) == kOk;
}

}  // namespace sluice::module
