#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <variant>

#include "base/overloaded.h"
#include "module/command_table.h"
#include "module/command_words.h"
#include "module/commands.h"
#include "module/digest.h"
#include "module/info.h"
#include "module/node.h"

namespace sluice::module {

namespace {

std::string text(const crdt::Dot& dot) {
  return std::to_string(dot.actor.region) + "." + std::to_string(dot.actor.incarnation) + " " +
         std::to_string(dot.seq);
}

std::optional<crdt::RegionId> region_id(String* word) {
  const auto id = number<unsigned>(word);
  if (!id || *id < 1 || *id > crdt::kRegionIdMax) return std::nullopt;
  return static_cast<crdt::RegionId>(*id);
}

// --- batches ---------------------------------------------------------------------------------------

int geo_ops(Ctx* ctx, String** argv, int argc) {
  if (argc != 2) return api::WrongArity(ctx);
  if (!comes_from_master(ctx)) {
    return reply_error(
        ctx, "ERR GEO.OPS is what a master tells its replicas; send batches by GEO.APPLY");
  }
  if (const auto recorded = node().record(ctx, bytes_of(argv[1])); !recorded) {
    api::Log(ctx, "warning", "sluice-geo: a batch of the master is refused: %s",
             recorded.error().detail.c_str());
    return reply_error(ctx, "ERR " + recorded.error().detail);
  }
  api::ReplicateVerbatim(ctx);
  return api::ReplyWithSimpleString(ctx, "OK");
}

// What was applied of a command's batches goes into the stream before a batch of our own that has seen it.
class AppliedBatches {
 public:
  AppliedBatches(Ctx* ctx, String** batches) : ctx_(ctx), batches_(batches) {}

  // The first `count` are done with; `is_news`: something was new in the last of them.
  void done(std::size_t count, bool is_news) {
    done_ = count;
    is_news_ = is_news_ || is_news;
  }
  bool has_news() const { return is_news_; }
  bool has_told() const { return told_ > 0; }
  void tell() {
    if (is_news_) api::Replicate(ctx_, "geo.apply", "v", batches_ + told_, done_ - told_);
    told_ = done_;
    is_news_ = false;
  }
  // With all words that follow.
  void tell_rest(std::size_t words) {
    if (told_ == 0) {
      api::ReplicateVerbatim(ctx_);
    } else {
      api::Replicate(ctx_, "geo.apply", "v", batches_ + told_, words - told_);
    }
  }

 private:
  Ctx* ctx_;
  String** batches_;
  std::size_t done_ = 0;
  std::size_t told_ = 0;
  bool is_news_ = false;
};

int reply_outcome(Ctx* ctx, const crdt::Outcome& outcome) {
  return std::visit(
      Overloaded{
          [&](const crdt::Applied&) { return api::ReplyWithSimpleString(ctx, "OK"); },
          [&](const crdt::Duplicate&) { return api::ReplyWithSimpleString(ctx, "DUPLICATE"); },
          [&](const crdt::Gap& gap) { return reply_error(ctx, "GEOGAP " + text(gap.expected)); },
          [&](const crdt::ContextMissing& missing) {
            return reply_error(ctx, "GEOWAIT " + text(missing.needed));
          },
          [&](const crdt::Behind& behind) {
            return reply_error(ctx, "GEOBEHIND " + text(behind.unseen) +
                                        ": its maker had not seen this; rejoin by snapshot");
          },
          [&](const crdt::ClockAhead& ahead) {
            return reply_error(ctx, "GEOAHEAD " + std::to_string(ahead.ms));
          },
          [&](const crdt::Detached& detached) {
            return reply_error(ctx, "GEODETACHED " + std::to_string(detached.region));
          },
          [&](const crdt::Expelled& expelled) {
            node().region().announce_again();
            return reply_error(ctx, "GEOREJOIN " + text(expelled.leave) +
                                        ": by this op our region left; it must merge a snapshot");
          },
          [&](const crdt::MergeUnderWay&) {
            return reply_error(ctx, "GEOMERGING " + node().merge_under_way() +
                                        " brings a snapshot, which is being merged");
          },
      },
      outcome);
}

// GEO.APPLY batch [[batch ...] AT source replid offset]: in their order, up to the first that is refused.
int geo_apply(Ctx* ctx, String** argv, int argc) {
  constexpr int kPositionWords = 4;
  if (argc < 2) return api::WrongArity(ctx);
  std::optional<Position> at;
  int end = argc;
  const bool has_position =
      argc > kPositionWords + 1 && is_word(bytes_of(argv[argc - kPositionWords]), "at");
  // A master tells its replicas so what it had applied before a batch of its own.
  const bool is_told = argc > 2 && comes_from_master(ctx);
  if (!has_position && !is_told && argc > 2 && argc < kPositionWords + 2)
    return api::WrongArity(ctx);
  if (!has_position && !is_told && argc > 2)
    return reply_error(ctx, "ERR syntax: GEO.APPLY batch [[batch ...] AT source replid offset]");
  if (has_position) {
    end = argc - kPositionWords;
    const auto position = position_of(argv + end + 1);
    if (!position) return reply_error(ctx, "ERR " + position.error().detail);
    at = *position;
  }
  const RedisKeyspace::Use use(node().keyspace(), ctx);
  AppliedBatches applied(ctx, argv + 1);
  Result<crdt::Outcome> outcome = crdt::Outcome{crdt::Duplicate{}};
  bool is_done = true;
  for (int word = 1; word < end && is_done; ++word) {
    outcome = node().apply(ctx, bytes_of(argv[word]), [&] { applied.tell(); });
    const bool is_news = outcome && std::holds_alternative<crdt::Applied>(*outcome);
    is_done = is_news || (outcome && std::holds_alternative<crdt::Duplicate>(*outcome));
    if (is_done) applied.done(static_cast<std::size_t>(word), is_news);
  }
  {
    const Node::Quiet quiet(node());
    node().region().show_sums(node().keyspace());
    node().keyspace().set_late_deadlines();
    node().keyspace().add_late_entries();
  }
  if (is_done && at) node().positions().set(bytes_of(argv[end + 1]), *std::move(at));
  if (!is_done) {
    applied.tell();
  } else if (applied.has_news() || applied.has_told() || has_position) {
    applied.tell_rest(static_cast<std::size_t>(argc) - 1);
  }
  if (!outcome) return reply_error(ctx, "ERR " + outcome.error().detail);
  return reply_outcome(ctx, *outcome);
}

// GEO.POSITION source replid offset
int geo_position(Ctx* ctx, String** argv, int argc) {
  if (argc != 4) return api::WrongArity(ctx);
  auto at = position_of(argv + 1);
  if (!at) return reply_error(ctx, "ERR " + at.error().detail);
  node().positions().set(bytes_of(argv[1]), *std::move(at));
  api::ReplicateVerbatim(ctx);
  return api::ReplyWithSimpleString(ctx, "OK");
}

// --- members -----------------------------------------------------------------------------------------

std::string listed(const std::vector<crdt::RegionId>& regions) {
  std::string text;
  for (const auto region : regions) text += (text.empty() ? "" : ", ") + std::to_string(region);
  return text.empty() ? "none" : text;
}

// Whether anything was ever heard of it here, or said.
bool is_known(crdt::RegionId id) {
  const auto& region = node().region();
  const auto peers = region.peers();
  const auto gone = region.detached();
  const auto made = region.vector().entries();
  return std::ranges::find(peers, id) != peers.end() || std::ranges::find(gone, id) != gone.end() ||
         std::ranges::any_of(made, [id](const crdt::Dot& dot) { return dot.actor.region == id; });
}

// An op about members has a batch of its own: a promoted replica names what no batch describes by its order.
int refuse_now(Ctx* ctx) {
  return reply_error(ctx, "ERR " + std::string(node().why_undisturbed()));
}

int geo_join(Ctx* ctx, String** argv, int argc) {
  if (argc != 2) return api::WrongArity(ctx);
  const auto id = region_id(argv[1]);
  if (!id) return reply_error(ctx, "ERR a region's id is a number from 1 to 16");
  if (*id == node().config().id && !node().region().must_rejoin()) {
    return reply_error(ctx,
                       "ERR this is the region itself, and it was not told to leave: "
                       "name another, or say it to another");
  }
  if (!node().flush_all(ctx)) return refuse_now(ctx);
  node().region().join(*id, now_ms());
  api::ReplicateVerbatim(ctx);
  node().flush_all(ctx);
  return api::ReplyWithSimpleString(ctx, "OK");
}

int geo_detach(Ctx* ctx, String** argv, int argc) {
  if (argc != 2) return api::WrongArity(ctx);
  const auto id = region_id(argv[1]);
  if (!id) return reply_error(ctx, "ERR a region's id is a number from 1 to 16");
  if (*id == node().config().id)
    return reply_error(ctx, "ERR this is the region itself: tell the others to let it go");
  if (!is_known(*id)) {
    return reply_error(ctx, "ERR there is no region " + std::to_string(*id) +
                                " here; its peers: " + listed(node().region().peers()));
  }
  if (node().region().must_rejoin()) {
    return reply_error(ctx,
                       "ERR this region was told to leave itself (must_rejoin in GEO.INFO): until "
                       "it is back it tells nobody else to");
  }
  if (!node().flush_all(ctx)) return refuse_now(ctx);
  node().region().detach(*id, now_ms());
  node().flush_all(ctx);
  return api::ReplyWithSimpleString(ctx, "OK");
}

// --- looking -------------------------------------------------------------------------------------------

void reply_string(Ctx* ctx, std::string_view bytes) {
  api::ReplyWithStringBuffer(ctx, bytes.data(), bytes.size());
}

void reply_vector(Ctx* ctx, const crdt::VersionVector& vector) {
  api::ReplyWithArray(ctx, static_cast<long>(vector.entries().size()));
  for (const auto& dot : vector.entries()) {
    api::ReplyWithArray(ctx, 3);
    api::ReplyWithLongLong(ctx, dot.actor.region);
    api::ReplyWithLongLong(ctx, dot.actor.incarnation);
    api::ReplyWithLongLong(ctx, static_cast<long long>(dot.seq));
  }
}

int geo_vector(Ctx* ctx, String** /*argv*/, int argc) {
  if (argc != 1) return api::WrongArity(ctx);
  api::ReplyWithArray(ctx, 3);
  api::ReplyWithArray(ctx, 3);
  reply_string(ctx, node().config().region);
  api::ReplyWithLongLong(ctx, node().config().id);
  api::ReplyWithLongLong(ctx, node().region().self().incarnation);
  reply_vector(ctx, node().region().vector());
  api::ReplyWithArray(ctx, static_cast<long>(node().positions().all().size()));
  for (const auto& [source, at] : node().positions().all()) {
    api::ReplyWithArray(ctx, 3);
    reply_string(ctx, source);
    reply_string(ctx, at.replid);
    api::ReplyWithLongLong(ctx, at.offset);
  }
  return kOk;
}

// GEO.AGE incarnation seq: for how many ms somebody who has our ops up to that one lacks those behind it.
int geo_age(Ctx* ctx, String** argv, int argc) {
  if (argc != 3) return api::WrongArity(ctx);
  const auto incarnation = number<std::uint32_t>(argv[1]);
  const auto seq = number<std::uint64_t>(argv[2]);
  if (!incarnation || !seq) return reply_error(ctx, "ERR syntax: GEO.AGE incarnation seq");
  const auto made = node().made_after_ms({{node().config().id, *incarnation}, *seq});
  const auto now = now_ms();
  return api::ReplyWithLongLong(ctx, made && *made < now ? static_cast<long long>(now - *made) : 0);
}

// GEO.INFO [QUICK]
int geo_info(Ctx* ctx, String** argv, int argc) {
  if (argc > 2) return api::WrongArity(ctx);
  const bool is_quick = argc == 2;
  if (is_quick && !is_word(bytes_of(argv[1]), "quick"))
    return reply_error(ctx, "ERR syntax: GEO.INFO [QUICK]");
  const auto answer = info_text(node(), is_quick ? InfoDetail::kQuick : InfoDetail::kAll);
  return api::ReplyWithVerbatimString(ctx, answer.data(), answer.size());
}

// GEO.DIGEST [slot ...]
int geo_digest(Ctx* ctx, String** argv, int argc) {
  std::set<std::uint16_t> slots;
  for (int i = 1; i < argc; ++i) {
    const auto slot = number<std::uint16_t>(argv[i]);
    if (!slot || *slot >= kSlotCount)
      return reply_error(ctx, "ERR a slot is a number from 0 to 16383");
    slots.insert(*slot);
  }
  const RedisKeyspace::Use use(node().keyspace(), ctx);
  const auto digests =
      slot_digests(node().keyspace(), slots, static_cast<std::uint64_t>(api::Milliseconds()));
  api::ReplyWithArray(ctx, static_cast<long>(1 + digests.size()));
  reply_vector(ctx, node().region().vector());
  for (const auto& [slot, digest] : digests) {
    api::ReplyWithArray(ctx, 2);
    api::ReplyWithLongLong(ctx, slot);
    reply_string(ctx, hex(digest));
  }
  return kOk;
}

std::string text(const crdt::Stamp& stamp) {
  return std::to_string(stamp.hlc.wall_ms()) + " " + text(stamp.dot);
}

// GEO.CONFLICTS [count]
int geo_conflicts(Ctx* ctx, String** argv, int argc) {
  if (argc > 2) return api::WrongArity(ctx);
  const auto count = argc == 2 ? number<std::size_t>(argv[1]) : std::optional<std::size_t>(10);
  if (!count) return reply_error(ctx, "ERR syntax: GEO.CONFLICTS [count]");
  const auto all = node().region().recent_conflicts();  // the newest first
  const std::size_t shown = std::min(all.size(), *count);
  api::ReplyWithArray(ctx, static_cast<long>(shown));
  for (std::size_t i = 0; i < shown; ++i) {
    api::ReplyWithArray(ctx, 5);
    reply_string(ctx, all[i].key.name);
    reply_string(ctx, all[i].element);
    reply_string(ctx, all[i].kind);
    reply_string(ctx, text(all[i].winner));
    reply_string(ctx, text(all[i].loser));
  }
  return kOk;
}

// A command of the AOF may be the last that ends a turn.
template <int (*Run)(Ctx*, String**, int)>
int followed(Ctx* ctx, String** argv, int argc) {
  const int result = Run(ctx, argv, argc);
  node().has_run(ctx, argv, argc);
  return result;
}

}  // namespace

bool register_geo_commands(Ctx* ctx) {
  struct Command {
    const char* name;
    CommandFunction run;
    const char* flags;
  };
  const Command commands[] = {
      {"geo.ops", guarded<followed<geo_ops>>, "write deny-script fast"},
      {"geo.apply", guarded<followed<geo_apply>>, "write deny-oom deny-script"},
      {"geo.merge", guarded<followed<geo_merge>>, "write deny-oom deny-script"},
      {"geo.position", guarded<geo_position>, "write deny-script fast"},
      {"geo.join", guarded<followed<geo_join>>, "write admin deny-script fast"},
      {"geo.detach", guarded<geo_detach>, "write admin deny-script fast"},
      {"geo.vector", guarded<geo_vector>, "readonly fast"},
      {"geo.info", guarded<geo_info>, "readonly"},
      {"geo.age", guarded<geo_age>, "readonly"},
      {"geo.digest", guarded<geo_digest>, "readonly"},
      {"geo.conflicts", guarded<geo_conflicts>, "readonly"},
  };
  for (const auto& command : commands) {
    if (api::CreateCommand(ctx, command.name, command.run, command.flags, 0, 0, 0) != kOk) {
      api::Log(ctx, "warning", "sluice-geo: the server takes no command %s", command.name);
      return false;
    }
  }
  return true;
}

}  // namespace sluice::module
