// GEO.MERGE: a peer's snapshot, key by key, into a master that serves meanwhile. docs/protocol/geo.md has the words.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "module/command_table.h"
#include "module/command_words.h"
#include "module/commands.h"
#include "module/node.h"
#include "module/saved_state.h"

namespace sluice::module {

namespace {

// One call looks at no more keys than this, whose removal may take as long as they are large.
constexpr std::uint64_t kSweptPerCall = 1'000;

int reply_ok(Ctx* ctx) {
  api::ReplicateVerbatim(ctx);
  return api::ReplyWithSimpleString(ctx, "OK");
}

// What every step of a merge needs: our own batches before it, our own writes unobserved.
class Step {
 public:
  Step(Ctx* ctx, const std::vector<crdt::KeyName>& keys) : use_(node().keyspace(), ctx) {
    if (!comes_from_master(ctx)) {
      for (const auto& key : keys) node().keyspace().expire_if_due(key);
      node().flush(ctx);
    }
    for (const auto& key : keys) node().key_counts().use(key.db);
    quiet_.emplace(node());
  }

 private:
  RedisKeyspace::Use use_;
  std::optional<Node::Quiet> quiet_;
};

// Who was silent for so long that another has begun may not go on, nor who began before a restart.
bool is_in_merge(Ctx* ctx) {
  if (!node().region().is_merging()) return false;
  return comes_from_master(ctx) || node().merge().client == api::GetClientId(ctx);
}

int refuse_what_masters_tell(Ctx* ctx, std::string_view word) {
  return reply_error(ctx,
                     "ERR GEO.MERGE " + std::string(word) + " is what a master tells its replicas");
}

int refuse_without_merge(Ctx* ctx) {
  return reply_error(
      ctx,
      "GEONOMERGE no snapshot is being merged over this connection: begin with GEO.MERGE BEGIN");
}

// GEO.MERGE WANT region incarnation seq [region incarnation seq ...]: the ops that we lack.
int want(Ctx* ctx, String** argv, int argc) {
  if (argc < 5 || (argc - 2) % 3 != 0) return api::WrongArity(ctx);
  auto& region = node().region();
  bool is_wanted = region.must_rejoin();
  for (int at = 2; at < argc; at += 3) {
    const auto maker = number<unsigned>(argv[at]);
    const auto incarnation = number<std::uint32_t>(argv[at + 1]);
    const auto seq = number<std::uint64_t>(argv[at + 2]);
    if (!maker || *maker < 1 || *maker > crdt::kRegionIdMax || !incarnation || !seq) {
      return reply_error(ctx, "ERR syntax: GEO.MERGE WANT region incarnation seq ...");
    }
    const crdt::Dot dot{{static_cast<crdt::RegionId>(*maker), *incarnation}, *seq};
    is_wanted = is_wanted || region.lacks(dot);
  }
  if (!is_wanted) return api::ReplyWithSimpleString(ctx, "NOTHING");
  if (!node().flush_all(ctx))
    return reply_error(ctx, "GEOEARLY " + std::string(node().why_undisturbed()));
  region.detach(region.self().region, now_ms());  // whoever told us to may have left himself
  region.announce_again();
  node().flush(ctx);
  return api::ReplyWithSimpleString(ctx, "OK");
}

// GEO.MERGE BEGIN source saved
int begin(Ctx* ctx, String** argv, int argc) {
  if (argc != 4) return api::WrongArity(ctx);
  const auto saved = decode_saved_state(bytes_of(argv[3]));
  if (!saved) return reply_error(ctx, "ERR " + saved.error().detail);
  auto& merge = node().merge();
  if (!comes_from_master(ctx) && node().region().is_merging() &&
      merge.source != bytes_of(argv[2]) && steady_ms() < merge.touched_ms + kMergeSilenceMaxMs) {
    return reply_error(ctx, "GEOEARLY the snapshot of " + merge.source + " is being merged");
  }
  const Step step(ctx, {});
  const auto begun =
      node().region().begin_merge(saved->region, {.keeps_plain = node().adoption().is_due()});
  if (!begun) {
    const bool is_early = begun.error().code == Errc::kBusy;
    return reply_error(ctx, (is_early ? "GEOEARLY " : "ERR ") + begun.error().detail);
  }
  merge.begin(bytes_of(argv[2]), api::GetClientId(ctx), steady_ms());
  return reply_ok(ctx);
}

// What a master tells its replicas of keys that it has merged.
class Told {
 public:
  explicit Told(Ctx* ctx) : ctx_(ctx) {}
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;
  ~Told() {
    for (String* const kept : kept_) api::FreeString(ctx_, kept);
  }

  // `words`: name deadline value
  void add(String** words, std::string_view kept) {
    words_.insert(words_.end(), words, words + 3);
    kept_.push_back(api::CreateString(ctx_, kept.data(), kept.size()));
    words_.push_back(kept_.back());
  }
  void replicate(std::uint32_t db) {
    api::Replicate(ctx_, "geo.merge", "clv", "KEPT", static_cast<long long>(db), words_.data(),
                   words_.size());
  }

 private:
  Ctx* ctx_;
  std::vector<String*> words_;  // of the command, and kept_
  std::vector<String*> kept_;
};

// A key of the snapshot, and its words: name deadline value, for replicas also kept.
struct SnapshotKey {
  crdt::KeyName name;
  std::uint64_t deadline = 0;
  String** words;
};

Result<std::vector<SnapshotKey>> snapshot_keys(String** argv, int argc, int words) {
  constexpr int kDb = 2;
  const auto db = number<std::uint32_t>(argv[kDb]);
  if (!db || *db >= kDbsMax) return fail(Errc::kRejected, "db is not a number of a database");
  std::vector<SnapshotKey> keys;
  for (int at = kDb + 1; at < argc; at += words) {
    const auto deadline = number<std::uint64_t>(argv[at + 1]);
    if (!deadline) {
      return fail(
          Errc::kRejected,
          "a deadline is a Unix time in ms, or 0: GEO.MERGE KEYS db name deadline value ...");
    }
    keys.push_back({{*db, std::string(bytes_of(argv[at]))}, *deadline, argv + at});
  }
  return keys;
}

// A stream's consumer groups are our own, whatever value takes its place meanwhile.
class SameGroups {
 public:
  explicit SameGroups(const crdt::KeyName& key)
      : key_(key), groups_(node().keyspace().groups(key)) {}
  ~SameGroups() { node().keyspace().set_groups(key_, groups_); }
  SameGroups(const SameGroups&) = delete;
  SameGroups& operator=(const SameGroups&) = delete;

 private:
  const crdt::KeyName& key_;
  const std::vector<ConsumerGroup> groups_;
};

// GEO.MERGE KEYS db name deadline value [name deadline value ...]: the value as RESTORE takes it, the deadline as Unix
// time in ms, 0 for none.
// GEO.MERGE KEPT db name deadline value kept [...]: the same, for replicas; each forgets at its own pace, and only the
// master knows what it kept on top.
int keys(Ctx* ctx, String** argv, int argc) {
  const bool is_told = is_word(bytes_of(argv[1]), "kept");
  const int words = is_told ? 4 : 3;
  if (argc < 3 + words || (argc - 3) % words != 0) return api::WrongArity(ctx);
  if (is_told && !comes_from_master(ctx)) return refuse_what_masters_tell(ctx, "KEPT");
  if (!is_in_merge(ctx)) return refuse_without_merge(ctx);
  const auto found = snapshot_keys(argv, argc, words);
  if (!found) return reply_error(ctx, "ERR " + found.error().detail);
  std::vector<crdt::KeyName> names;
  names.reserve(found->size());
  for (const auto& key : *found) names.push_back(key.name);
  const Step step(ctx, names);
  Told told(ctx);
  std::string failed;
  for (const auto& key : *found) {
    const auto write = [&] {
      const auto value = bytes_of(key.words[2]);
      if (!node().keyspace().restore(key.name, key.deadline, value)) failed = key.name.name;
    };
    auto& region = node().region();
    const SameGroups same(key.name);
    if (!is_told) {
      told.add(key.words, region.merge_key(key.name, write, node().keyspace(), now_ms()));
    } else if (!region.follow_merge_key(key.name, bytes_of(key.words[3]), write,
                                        node().keyspace())) {
      failed = key.name.name;
    }
  }
  node().has_merged(names);
  node().merge().touched_ms = steady_ms();
  if (is_told) {
    api::ReplicateVerbatim(ctx);
  } else {
    told.replicate(names.front().db);
  }
  if (failed.empty()) return api::ReplyWithSimpleString(ctx, "OK");
  return reply_error(ctx, "ERR RESTORE refuses the value of key " + failed +
                              ": is this server older than the one that made the snapshot?");
}

// "#!lua name=mylib"
std::string library_name(std::string_view code) {
  constexpr std::string_view kName = "name=";
  const auto line = code.substr(0, code.find('\n'));
  const auto at = line.find(kName);
  if (at == std::string_view::npos) return {};
  const auto rest = line.substr(at + kName.size());
  const auto is_of_name = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  return {rest.begin(), std::ranges::find_if_not(rest, is_of_name)};
}

// Of a library; empty if it is not here.
std::string code_of(std::string_view name) {
  for (auto& here : node().keyspace().libraries())
    if (here.name == name) return std::move(here.code);
  return {};
}

void merge_library(Ctx* ctx, const crdt::WriteLibrary& of_peer, std::string_view here) {
  const auto kept = node().region().merge_library(of_peer, here, node().keyspace());
  api::Replicate(ctx, "geo.merge", "cbbb", "KEPTLIBRARY", of_peer.name.data(), of_peer.name.size(),
                 of_peer.code.data(), of_peer.code.size(), kept.data(), kept.size());
}

// GEO.MERGE LIBRARY code
int library(Ctx* ctx, String** argv, int argc) {
  if (argc != 3) return api::WrongArity(ctx);
  if (!is_in_merge(ctx)) return refuse_without_merge(ctx);
  const auto code = bytes_of(argv[2]);
  const std::string name = library_name(code);
  if (name.empty()) return reply_error(ctx, "ERR the library's first line does not name it");
  const Step step(ctx, {});
  merge_library(ctx, {name, std::string(code)}, code_of(name));
  return api::ReplyWithSimpleString(ctx, "OK");
}

// GEO.MERGE KEPTLIBRARY name code kept: a step of LIBRARY or END, for replicas.
int kept_library(Ctx* ctx, String** argv, int argc) {
  if (argc != 5) return api::WrongArity(ctx);
  if (!comes_from_master(ctx)) return refuse_what_masters_tell(ctx, "KEPTLIBRARY");
  if (!is_in_merge(ctx)) return refuse_without_merge(ctx);
  const Step step(ctx, {});
  const crdt::WriteLibrary of_peer{std::string(bytes_of(argv[2])), std::string(bytes_of(argv[3]))};
  const auto followed = node().region().follow_merge_library(of_peer, code_of(of_peer.name),
                                                             bytes_of(argv[4]), node().keyspace());
  if (!followed) return reply_error(ctx, "ERR " + followed.error().detail);
  return reply_ok(ctx);
}

// Those that the snapshot does not have.
void merge_other_libraries(Ctx* ctx) {
  for (const auto& here : node().keyspace().libraries())
    if (!node().region().is_library_merged(here.name))
      merge_library(ctx, {here.name, ""}, here.code);
}

// GEO.MERGE STREAM batch
int stream(Ctx* ctx, String** argv, int argc) {
  if (argc != 3) return api::WrongArity(ctx);
  if (!is_in_merge(ctx)) return refuse_without_merge(ctx);
  const Step step(ctx, {});
  const auto merged = node().region().merge_stream(bytes_of(argv[2]));
  if (!merged) return reply_error(ctx, "ERR " + merged.error().detail);
  node().merge().touched_ms = steady_ms();
  return reply_ok(ctx);
}

void drop(Ctx* ctx, const std::vector<crdt::KeyName>& names) {
  for (const auto& key : names) {
    const SameGroups same(key);
    const auto kept = node().region().merge_key(key, [] {}, node().keyspace(), now_ms());
    api::Replicate(ctx, "geo.merge", "clbb", "DROP", static_cast<long long>(key.db),
                   key.name.data(), key.name.size(), kept.data(), kept.size());
  }
  node().has_merged(names);
}

// GEO.MERGE SWEEP: +MORE as long as there are keys that the snapshot may not have, +OK then.
int sweep(Ctx* ctx, String** /*argv*/, int argc) {
  if (argc != 2) return api::WrongArity(ctx);
  auto& region = node().region();
  if (!is_in_merge(ctx)) return refuse_without_merge(ctx);
  auto& merge = node().merge();
  merge.touched_ms = steady_ms();
  region.begin_sweep();
  std::vector<crdt::KeyName> rest;
  if (!merge.is_swept) {
    merge.is_swept = !merge.sweep.next(ctx, kSweptPerCall, [&](crdt::KeyName key) {
      if (!region.is_merged(key)) rest.push_back(std::move(key));
    });
  }
  while (merge.is_swept && rest.size() < kSweptPerCall) {
    auto late = region.take_late();
    if (!late) break;
    rest.push_back(std::move(*late));
  }
  const bool has_more = !merge.is_swept || rest.size() >= kSweptPerCall;
  {
    const Step step(ctx, rest);
    drop(ctx, rest);
  }
  return api::ReplyWithSimpleString(ctx, has_more ? "MORE" : "OK");
}

// GEO.MERGE DROP db name kept: a step of SWEEP, for replicas.
int drop_one(Ctx* ctx, String** argv, int argc) {
  if (argc != 5) return api::WrongArity(ctx);
  if (!comes_from_master(ctx)) return refuse_what_masters_tell(ctx, "DROP");
  if (!is_in_merge(ctx)) return refuse_without_merge(ctx);
  const auto db = number<std::uint32_t>(argv[2]);
  if (!db || *db >= kDbsMax) return reply_error(ctx, "ERR db is not a number of a database");
  const crdt::KeyName key{*db, std::string(bytes_of(argv[3]))};
  const Step step(ctx, {key});
  node().region().begin_sweep();
  const SameGroups same(key);
  const auto followed =
      node().region().follow_merge_key(key, bytes_of(argv[4]), [] {}, node().keyspace());
  if (!followed) return reply_error(ctx, "ERR " + followed.error().detail);
  node().has_merged({key});
  return reply_ok(ctx);
}

// GEO.MERGE END source replid offset: where the peer's stream goes on behind the snapshot.
int end(Ctx* ctx, String** argv, int argc) {
  if (argc != 5) return api::WrongArity(ctx);
  String** const at = argv + 2;
  auto position = position_of(at);
  if (!position) return reply_error(ctx, "ERR " + position.error().detail);
  auto& region = node().region();
  if (!is_in_merge(ctx)) return refuse_without_merge(ctx);
  if (!region.is_merge_complete()) {
    return reply_error(
        ctx,
        "GEOWAITSTREAM the peer's stream has not told yet all that its snapshot has: "
        "send GEO.MERGE STREAM");
  }
  if (!node().merge().is_swept) return reply_error(ctx, "ERR send GEO.MERGE SWEEP first");
  const Step step(ctx, {});
  std::vector<crdt::KeyName> late;
  while (auto key = region.take_late()) late.push_back(std::move(*key));
  drop(ctx, late);
  merge_other_libraries(ctx);
  const auto incarnation = node().next_incarnation();
  const auto base = region.finish_merge(incarnation);
  node().merged();
  node().hold_return();
  node().positions().set(bytes_of(at[0]), *std::move(position));
  const auto life = std::to_string(incarnation), first_stamp = std::to_string(base.bits);
  api::Replicate(ctx, "geo.merge", "cccsss", "FINISH", life.c_str(), first_stamp.c_str(), at[0],
                 at[1], at[2]);
  return api::ReplyWithSimpleString(ctx, "OK");
}

// GEO.MERGE FINISH incarnation base source replid offset: END, for replicas. `base`: the first stamp of that life.
int finish(Ctx* ctx, String** argv, int argc) {
  if (argc != 7) return api::WrongArity(ctx);
  if (!comes_from_master(ctx)) return refuse_what_masters_tell(ctx, "FINISH");
  if (!is_in_merge(ctx)) return refuse_without_merge(ctx);
  const auto incarnation = number<std::uint32_t>(argv[2]);
  const auto base = number<std::uint64_t>(argv[3]);
  auto position = position_of(argv + 4);
  if (!incarnation || !base) return reply_error(ctx, "ERR a life and a stamp are numbers");
  if (!position) return reply_error(ctx, "ERR " + position.error().detail);
  const Step step(ctx, {});
  node().region().follow_finish_merge(*incarnation, crdt::Hlc{*base});
  node().merged();
  node().positions().set(bytes_of(argv[4]), *std::move(position));
  return reply_ok(ctx);
}

// GEO.MERGE ADOPTED: what was here before the module is now known to all, says a master to its replicas.
int adopted(Ctx* ctx, String** /*argv*/, int argc) {
  if (argc != 2) return api::WrongArity(ctx);
  node().end_adoption();
  return reply_ok(ctx);
}

struct Subcommand {
  const char* name;
  int (*run)(Ctx*, String**, int);
};
constexpr Subcommand kSubcommands[] = {
    {"want", want},     {"begin", begin},     {"keys", keys},
    {"kept", keys},     {"library", library}, {"keptlibrary", kept_library},
    {"stream", stream}, {"sweep", sweep},     {"drop", drop_one},
    {"end", end},       {"finish", finish},   {"adopted", adopted},
};

}  // namespace

int geo_merge(Ctx* ctx, String** argv, int argc) {
  if (argc < 2) return api::WrongArity(ctx);
  for (const auto& subcommand : kSubcommands)
    if (is_word(bytes_of(argv[1]), subcommand.name)) return subcommand.run(ctx, argv, argc);
  return reply_error(ctx, "ERR GEO.MERGE WANT, BEGIN, KEYS, LIBRARY, STREAM, SWEEP or END");
}

}  // namespace sluice::module
