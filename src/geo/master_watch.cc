#include "geo/master_watch.h"

#include <algorithm>
#include <string_view>

#include "rt/deadline.h"

namespace sluice::geo {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);
constexpr auto kAnswerTimeout = std::chrono::seconds(10);

struct Number {
  const char* name;
  const char* help;
  const char* field;
};
constexpr Number kNumbers[] = {
    {"sluice_geo_unstable_keys", "Keys with metadata, since some region may lack an op of them.",
     "unstable_keys"},
    {"sluice_geo_unstable_bytes", "Of that metadata, in the memory of our master.",
     "unstable_bytes"},
    {"sluice_geo_unstable_bytes_max", "Beyond it a region that is away is told to leave.",
     "unstable_bytes_max"},
    {"sluice_geo_retained_bytes", "Of batches kept to be sent again, at most 64 MiB.",
     "retained_bytes"},
    {"sluice_geo_local_ops", "Made by our master, since it started.", "local_ops"},
    {"sluice_geo_remote_ops", "Of other regions, applied by our master since it started.",
     "remote_ops"},
    {"sluice_geo_fast_ops", "Of those, the ones that met nothing concurrent.", "fast_ops"},
    {"sluice_geo_misnoted_ops", "More than 0: a replica derived others than its master.",
     "misnoted_ops"},
    {"sluice_geo_torn_writes", "That an AOF of our master ended with, and no batch told of.",
     "torn_writes"},
    {"sluice_geo_retold_keys", "More than 0: such an end was too long to be told write by write.",
     "retold_keys"},
};

constexpr Number kConflicts[] = {
    {"sluice_geo_conflicts", "Decided between concurrent writes, since our master started.",
     "conflicts_lww"},
    {"sluice_geo_conflicts", "", "conflicts_type"},
    {"sluice_geo_conflicts", "", "conflicts_remove"},
};

constexpr Number kPeers[] = {
    {"sluice_geo_peer_lacks_ops", "Of our ops, what this peer has not said to have for good.",
     "unpromised_ops"},
    {"sluice_geo_peer_lacks_seconds", "Since the oldest of these was made.", "unpromised_ms"},
    {"sluice_geo_peer_silent_seconds", "Since a batch of this peer came; idle peers are silent.",
     "heard_ms_ago"},
};

std::vector<std::string> parts(std::string_view list) {
  std::vector<std::string> found;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    found.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return found;
}

}  // namespace

MasterWatch::MasterWatch(rt::Host& host, std::vector<base::RedisUrl> to,
                         redis::ClientOptions options, base::Metrics& metrics, base::Log log)
    : host_(host),
      to_(std::move(to)),
      options_(std::move(options)),
      metrics_(metrics),
      log_(std::move(log)),
      gate_(host) {}

rt::Task<void> MasterWatch::run() {
  std::string why;
  while (!gate_.is_closing()) {
    const auto ended = co_await session();
    if (gate_.is_closing()) break;
    set("sluice_geo_master_up", "Whether our master says how it is.", 0);
    const auto& now = ended.error().detail;
    if (std::exchange(why, now) != now)
      log_.warn("the master does not say how it is: its metrics stand still", {{"why", now}});
    co_await gate_.sleep(kInterval);
  }
}

void MasterWatch::stop() {
  gate_.close();
  if (target_ != nullptr) target_->close();
}

rt::Task<Result<>> MasterWatch::session() {
  std::vector<base::RedisUrl> urls = to_;
  redis::ClientOptions how = options_;
  CO_TRY(const auto target, co_await Target::find_master(host_, std::move(urls), std::move(how)));
  target_ = target.get();
  Result<> ended = fail(Errc::kCancelled, "stopping");
  while (!gate_.is_closing()) {
    const auto info = co_await ask();
    if (!info) {
      ended = tl::unexpected(info.error());
      break;
    }
    // One that was demoted is looked for again.
    if (info->field("role") != "master") {
      ended = fail(Errc::kBusy, "it is no master any more");
      break;
    }
    show(*info);
    co_await gate_.sleep(kInterval);
  }
  target_ = nullptr;
  co_return ended;
}

rt::Task<Result<redis::Info>> MasterWatch::ask() {
  std::function<void()> give_up = [this] { target_->close(Errc::kTimedOut); };
  const rt::Deadline deadline(host_.clock(), host_.clock().now() + kAnswerTimeout,
                              std::move(give_up));
  co_return co_await target_->info();
}

void MasterWatch::show(const redis::Info& info) {
  set("sluice_geo_master_up", "Whether our master says how it is.", 1);
  for (const auto& one : kNumbers)
    set(one.name, one.help, static_cast<double>(info.number(one.field)));
  for (const auto& one : kConflicts)
    set(one.name, kConflicts[0].help, static_cast<double>(info.number(one.field)),
        {{"kind", std::string(std::string_view(one.field).substr(10))}});
  const auto remote = info.number("remote_ops");
  const auto fast = info.number("fast_ops");
  set("sluice_geo_fast_share", "Of other regions' ops, what met nothing concurrent: 0 to 1.",
      remote == 0 ? 1 : static_cast<double>(fast) / static_cast<double>(remote));
  set("sluice_geo_detached_regions", "Told to leave: nobody waits for them. Alert on it.",
      static_cast<double>(parts(info.field("detached")).size()));
  set("sluice_geo_must_rejoin", "1: our region was told to leave, and needs a peer's snapshot.",
      info.field("must_rejoin") == "yes" ? 1 : 0);
  for (const auto& peer : parts(info.field("peers"))) {
    for (const auto& one : kPeers) {
      const bool is_time = std::string_view(one.name).ends_with("_seconds");
      const auto value = static_cast<double>(info.part("peer_" + peer, one.field));
      set(one.name, one.help, is_time ? value / 1000 : value, {{"peer", peer}});
    }
  }
}

void MasterWatch::set(const char* name, const char* help, double value, base::MetricLabels labels) {
  auto key = std::make_pair(std::string(name), std::move(labels));
  auto at = gauges_.find(key);
  if (at == gauges_.end()) {
    const auto gauge = metrics_.gauge({name, help}, key.second);
    at = gauges_.emplace(std::move(key), gauge).first;
  }
  at->second.set(value);
}

}  // namespace sluice::geo
