#include "geo/snapshot_merge.h"

#include <utility>

#include "geo/batch_reader.h"
#include "redis/client.h"
#include "resp/writer.h"

namespace sluice::geo {
namespace {

// One GEO.MERGE KEYS has no more than this, unless one key alone has: for so long our master does nothing else.
constexpr std::size_t kKeysPerCall = 100;
constexpr std::size_t kBytesPerCall = 64 * 1024;
// Commands that are sent and not answered.
constexpr std::size_t kUnansweredMax = 4;

Error refusal(const std::string& text) {
  const bool is_early = text.starts_with("GEOEARLY") || text.starts_with("GEOWAITSTREAM");
  return {is_early ? Errc::kBusy : Errc::kRejected, "master: " + text};
}

}  // namespace

SnapshotMerge::SnapshotMerge(rt::Host& host, Options options, base::Log log)
    : host_(host), options_(std::move(options)), log_(std::move(log)) {}

void SnapshotMerge::interrupt() {
  is_interrupted_ = true;
  if (target_) target_->close();
  if (upstream_) upstream_->close();
}

rt::Task<Result<>> SnapshotMerge::run(crdt::VersionVector lacking) {
  std::vector<base::RedisUrl> urls = options_.to;
  redis::ClientOptions how = options_.to_options;
  CO_TRY(target_, co_await Target::find_master(host_, std::move(urls), std::move(how)));
  CO_TRY(const auto state, co_await target_->state());
  if (!options_.goes_on && state.vector.covers(lacking)) co_return Result<>{};
  std::vector<std::string> numbers;
  for (const auto& dot : lacking.entries()) {
    numbers.push_back(std::to_string(dot.actor.region));
    numbers.push_back(std::to_string(dot.actor.incarnation));
    numbers.push_back(std::to_string(dot.seq));
  }
  std::vector<std::string_view> want{"GEO.MERGE", "WANT"};
  want.insert(want.end(), numbers.begin(), numbers.end());
  CO_TRY(const auto wanted, co_await call(std::move(want)));
  if (wanted == "NOTHING") co_return Result<>{};
  auto asked = co_await ask_for_newer_snapshot();
  if (!asked) log_.warn("the peer's keeper makes no newer snapshot", {{"why", asked.error()}});
  if (is_interrupted_) co_return fail(Errc::kCancelled, "stopping");
  CO_TRY_VOID(co_await copy());
  co_return Result<>{};
}

rt::Task<Result<>> SnapshotMerge::ask_for_newer_snapshot() {
  redis::ClientOptions how;
  how.dial = options_.from.dial;
  how.tls = options_.from.tls;
  base::RedisUrl url = options_.from.url;
  CO_TRY(auto keeper, co_await redis::Client::connect(host_, std::move(url), std::move(how)));
  redis::Words words{"KEEPER", "SNAPSHOT"};
  CO_TRY_VOID(co_await keeper->need(std::move(words)));
  co_return Result<>{};
}

rt::Task<Result<>> SnapshotMerge::copy() {
  redis::UpstreamOptions options = options_.from;
  CO_TRY(upstream_, co_await redis::Upstream::connect(host_, std::move(options)));
  redis::PsyncWish wish;
  CO_TRY(const auto reply, co_await upstream_->psync(std::move(wish)));
  if (!std::holds_alternative<repl::FullResyncBegun>(reply)) {
    co_return fail(Errc::kProtocol, "source: a part where all was asked for");
  }
  const auto snapshot = std::get<repl::FullResyncBegun>(reply).snapshot;
  progress_.step = "copying";
  SnapshotReader reader;
  for (;;) {
    CO_TRY(const auto bytes, co_await upstream_->read_snapshot());
    if (bytes.empty()) break;
    progress_.bytes += bytes.size();
    progress_.bytes_total = upstream_->snapshot_bytes().value_or(0);
    CO_TRY_VOID(reader.feed(bytes));
    for (;;) {
      CO_TRY(auto item, reader.next());
      if (!item) break;
      CO_TRY_VOID(co_await take(*std::move(item)));
    }
  }
  CO_TRY_VOID(reader.finish());
  if (!has_begun_) {
    co_return fail(Errc::kRejected,
                   "the peer's snapshot has no vector: load sluice-geo.so into the peer's Redis");
  }
  CO_TRY_VOID(co_await send_keys());
  CO_TRY_VOID(co_await await_replies(0));
  co_return co_await finish(snapshot);
}

rt::Task<Result<>> SnapshotMerge::take(SnapshotItem item) {
  if (auto* const key = std::get_if<SnapshotKey>(&item)) {
    if (!has_begun_) {
      co_return fail(Errc::kRejected,
                     "the peer's snapshot has no vector: load sluice-geo.so into the peer's Redis");
    }
    co_return co_await add(std::move(*key));
  }
  if (const auto* const saved = std::get_if<SavedModule>(&item)) {
    std::vector<std::string_view> words{"GEO.MERGE", "BEGIN", options_.source, saved->state};
    CO_TRY_VOID(co_await call(std::move(words)));
    log_.info("merging the peer's snapshot", {{"metadata_bytes", saved->state.size()}});
    has_begun_ = true;
    co_return Result<>{};
  }
  if (!has_begun_) co_return Result<>{};  // libraries stand behind what the module saved
  const auto& library = std::get<SnapshotLibrary>(item);
  std::vector<std::string_view> words{"GEO.MERGE", "LIBRARY", library.code};
  co_return co_await send(std::move(words));
}

rt::Task<Result<>> SnapshotMerge::add(SnapshotKey key) {
  const bool is_full = keys_.size() >= kKeysPerCall || keys_bytes_ >= kBytesPerCall ||
                       (!keys_.empty() && keys_.front().db != key.db);
  if (is_full) {
    CO_TRY_VOID(co_await send_keys());
  }
  keys_bytes_ += key.name.size() + key.value.size();
  keys_.push_back(std::move(key));
  co_return Result<>{};
}

rt::Task<Result<>> SnapshotMerge::send_keys() {
  if (keys_.empty()) co_return Result<>{};
  const auto db = std::to_string(keys_.front().db);
  std::vector<std::string> deadlines;
  deadlines.reserve(keys_.size());
  for (const auto& key : keys_) deadlines.push_back(std::to_string(key.deadline));
  std::vector<std::string_view> words{"GEO.MERGE", "KEYS", db};
  for (std::size_t at = 0; at < keys_.size(); ++at)
    words.insert(words.end(), {keys_[at].name, deadlines[at], keys_[at].value});
  CO_TRY_VOID(co_await send(std::move(words)));
  progress_.keys += keys_.size();
  keys_.clear();
  keys_bytes_ = 0;
  co_return Result<>{};
}

rt::Task<Result<>> SnapshotMerge::send(std::vector<std::string_view> words) {
  CO_TRY_VOID(co_await await_replies(kUnansweredMax - 1));
  std::string wire;
  resp::append_command(wire, words);
  CO_TRY_VOID(co_await write(std::move(wire)));
  ++unanswered_;
  co_return Result<>{};
}

rt::Task<Result<>> SnapshotMerge::write(std::string wire) {
  auto written = co_await target_->write(wire);
  if (written) co_return written;
  auto why = co_await target_->last_word(std::move(written).error());
  co_return fail(why.code, "master: " + why.detail);
}

rt::Task<Result<>> SnapshotMerge::await_replies(std::size_t left) {
  while (unanswered_ > left) {
    CO_TRY(const auto reply, co_await target_->read_reply());
    --unanswered_;
    if (reply.is_error()) co_return tl::unexpected(refusal(reply.text));
  }
  co_return Result<>{};
}

rt::Task<Result<std::string>> SnapshotMerge::call(std::vector<std::string_view> words) {
  CO_TRY_VOID(co_await await_replies(0));
  std::string wire;
  resp::append_command(wire, words);
  CO_TRY_VOID(co_await write(std::move(wire)));
  CO_TRY(const auto reply, co_await target_->read_reply());
  if (reply.is_error()) co_return tl::unexpected(refusal(reply.text));
  co_return reply.text;
}

rt::Task<Result<>> SnapshotMerge::sweep() {
  progress_.step = "sweeping";
  for (;;) {
    std::vector<std::string_view> words{"GEO.MERGE", "SWEEP"};
    CO_TRY(const auto answer, co_await call(std::move(words)));
    if (answer != "MORE") co_return Result<>{};
  }
}

// The peer's stream is read on until it has told all that the snapshot has.
rt::Task<Result<>> SnapshotMerge::finish(repl::Position snapshot) {
  CO_TRY_VOID(co_await sweep());
  progress_.step = "waiting";
  BatchReader batches(snapshot.offset);
  const auto replid = snapshot.id.text();
  const auto offset = std::to_string(snapshot.offset.bytes());
  for (;;) {
    std::vector<std::string_view> words{"GEO.MERGE", "END", options_.source, replid, offset};
    const auto ended = co_await call(std::move(words));
    if (ended) break;
    if (ended.error().code != Errc::kBusy) co_return tl::unexpected(ended.error());
    CO_TRY(const auto bytes, co_await upstream_->read_stream());
    batches.feed(bytes);
    for (;;) {
      CO_TRY(auto found, batches.next());
      if (!found) break;
      const auto* const batch = std::get_if<StreamBatch>(&*found);
      if (batch == nullptr || batch->is_foreign) continue;
      std::vector<std::string_view> told{"GEO.MERGE", "STREAM", batch->bytes};
      CO_TRY_VOID(co_await send(std::move(told)));
    }
    CO_TRY_VOID(co_await sweep());
  }
  log_.info("merged the peer's snapshot", {{"keys", progress_.keys}, {"bytes", progress_.bytes}});
  co_return Result<>{};
}

}  // namespace sluice::geo
