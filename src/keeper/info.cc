#include "keeper/info.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

#include "keeper/call.h"
#include "redis/wire_words.h"

namespace sluice::keeper {
namespace {

constexpr std::string_view kNoReplId = "0000000000000000000000000000000000000000";

std::int64_t whole_seconds(rt::Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

std::int64_t seconds_since(const std::optional<rt::Instant>& then, rt::Instant now) {
  return then ? whole_seconds(now - *then) : -1;
}

// Redis: bytesToHuman.
std::string human(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "KMGTP";
  if (bytes < 1024) return fmt::format("{}B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.2f}{}", value, kUnits[unit]);
}

// A value that comes from outside must not forge a line of its own.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace(line, '\r', ' ');
  std::ranges::replace(line, '\n', ' ');
  return line;
}

class Section {
 public:
  explicit Section(std::string_view title) : text_(fmt::format("# {}\r\n", title)) {}

  template <typename T>
  Section& field(std::string_view name, const T& value) {
    fmt::format_to(std::back_inserter(text_), "{}:{}\r\n", name, value);
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

struct Source {
  const View& view;
  const Status& status;
  Moment at;
};

std::string server(const Source& from) {
  const ProcessStatus& process = from.status.process;
  const auto uptime = whole_seconds(from.at.now - process.started);
  return Section("Server")
      .field("redis_version", kRedisVersion)
      .field("sluice_version", process.version)
      .field("redis_git_sha1", "00000000")
      .field("redis_git_dirty", 0)
      .field("redis_mode", "standalone")
      .field("os", process.os)
      .field("arch_bits", 64)
      .field("multiplexing_api", "epoll")
      .field("process_id", process.pid)
      .field("run_id", from.status.keeper_id)
      .field("tcp_port", from.status.port)
      .field("server_time_usec", from.at.wall_ms * 1000)
      .field("uptime_in_seconds", uptime)
      .field("uptime_in_days", uptime / 86400)
      .field("hz", 10)
      .field("configured_hz", 10)
      .field("lru_clock", (from.at.wall_ms / 1000) & 0xffffff)
      .field("executable", process.executable)
      .field("config_file", process.config_file)
      .field("io_threads_active", 0)
      .take();
}

std::string clients(const Source& from) {
  const auto all = from.view.clients();
  const auto is_replica = [](const ClientFacts& c) { return c.kind == ClientKind::kReplica; };
  const auto replicas = std::ranges::count_if(all, is_replica);
  const auto settings = from.view.settings();
  const auto limit =
      std::ranges::find_if(settings, [](const Setting& s) { return s.name == "maxclients"; });
  return Section("Clients")
      .field("connected_clients", static_cast<std::ptrdiff_t>(all.size()) - replicas)
      .field("cluster_connections", 0)
      .field("maxclients", limit == settings.end() ? "10000" : limit->value)
      .field("client_recent_max_input_buffer", 0)
      .field("client_recent_max_output_buffer", 0)
      .field("blocked_clients", 0)
      .field("tracking_clients", 0)
      .field("clients_in_timeout_table", 0)
      .take();
}

std::string memory(const Source& from) {
  const ProcessStatus& process = from.status.process;
  return Section("Memory")
      .field("used_memory", process.memory_rss)
      .field("used_memory_human", human(process.memory_rss))
      .field("used_memory_rss", process.memory_rss)
      .field("used_memory_rss_human", human(process.memory_rss))
      .field("used_memory_dataset", 0)
      .field("total_system_memory", process.memory_total)
      .field("total_system_memory_human", human(process.memory_total))
      .field("maxmemory", 0)
      .field("maxmemory_human", "0B")
      .field("maxmemory_policy", "noeviction")
      .field("mem_fragmentation_ratio", "1.00")
      .field("mem_replication_backlog", 0)
      .field("mem_clients_slaves", 0)
      .field("mem_clients_normal", 0)
      .field("mem_allocator", "libc")
      .take();
}

std::string persistence(const Source& from) {
  const auto& log = from.status.log;
  const bool has_snapshot = log && !log->snapshots.empty();
  return Section("Persistence")
      .field("loading", 0)
      .field("async_loading", 0)
      .field("rdb_changes_since_last_save", 0)
      .field("rdb_bgsave_in_progress", from.status.is_taking_snapshot ? 1 : 0)
      .field("rdb_last_save_time", has_snapshot ? log->snapshots.back().wall_ms / 1000 : 0)
      .field("rdb_last_bgsave_status", "ok")
      .field("rdb_last_bgsave_time_sec", -1)
      .field("rdb_current_bgsave_time_sec", -1)
      .field("aof_enabled", 0)
      .field("aof_rewrite_in_progress", 0)
      .field("aof_rewrite_scheduled", 0)
      .field("aof_last_bgrewrite_status", "ok")
      .field("aof_last_write_status", from.status.failure ? "err" : "ok")
      .take();
}

std::string stats(const Source& from) {
  const Counters& counters = from.status.counters;
  return Section("Stats")
      .field("total_connections_received", counters.connections_received)
      .field("total_commands_processed", counters.commands_processed)
      .field("instantaneous_ops_per_sec", 0)
      .field("total_net_input_bytes", counters.net_input_bytes)
      .field("total_net_output_bytes", counters.net_output_bytes)
      .field("total_net_repl_input_bytes", counters.repl_input_bytes)
      .field("total_net_repl_output_bytes", counters.repl_output_bytes)
      .field("rejected_connections", counters.connections_rejected)
      .field("sync_full", counters.sync_full)
      .field("sync_partial_ok", counters.sync_partial_ok)
      .field("sync_partial_err", counters.sync_partial_err)
      .field("expired_keys", 0)
      .field("evicted_keys", 0)
      .field("keyspace_hits", 0)
      .field("keyspace_misses", 0)
      .field("pubsub_channels", from.view.channels().size())
      .field("pubsub_patterns", from.view.patterns())
      .field("latest_fork_usec", 0)
      .field("total_forks", 0)
      .take();
}

void upstream_fields(Section& section, const Source& from) {
  const UpstreamStatus& upstream = from.status.upstream;
  const auto received_bytes = received(from.status).bytes();
  const bool is_up = upstream.link == LinkState::kConnected;
  const bool is_syncing = upstream.link == LinkState::kSync;
  section.field("master_host", upstream.endpoint ? upstream.endpoint->host : "")
      .field("master_port", upstream.endpoint ? upstream.endpoint->port : 0)
      .field("master_link_status", is_up ? "up" : "down")
      .field("master_last_io_seconds_ago",
             is_up ? seconds_since(upstream.last_io, from.at.now) : -1)
      .field("master_sync_in_progress", is_syncing ? 1 : 0)
      .field("slave_read_repl_offset", received_bytes)
      .field("slave_repl_offset", received_bytes);
  if (is_syncing) {
    const auto total = upstream.sync_bytes_total;
    const auto read = upstream.sync_bytes_read;
    const double percent =
        total == 0 ? 0 : 100.0 * static_cast<double>(read) / static_cast<double>(total);
    section.field("master_sync_total_bytes", total)
        .field("master_sync_read_bytes", read)
        .field("master_sync_left_bytes", total > read ? total - read : 0)
        .field("master_sync_perc", fmt::format("{:.2f}", percent))
        .field("master_sync_last_io_seconds_ago", seconds_since(upstream.last_io, from.at.now));
  }
  if (!is_up) {
    section.field("master_link_down_since_seconds",
                  seconds_since(upstream.down_since, from.at.now));
  }
}

void replica_lines(Section& section, const Source& from) {
  section.field("connected_slaves", from.status.replicas.size());
  std::size_t index = 0;
  for (const ReplicaStatus& replica : from.status.replicas) {
    const bool is_online = replica.state == ReplicaState::kOnline;
    const auto lag = is_online ? seconds_since(replica.last_ack, from.at.now) : 0;
    const auto value =
        fmt::format("ip={},port={},state={},offset={},lag={}", one_line(replica.ip), replica.port,
                    word_of(replica.state), replica.acked.bytes(), lag);
    section.field(fmt::format("{}{}", redis::kReplicaWord, index++), value);
  }
}

void history_fields(Section& section, const Status& status) {
  section.field("master_failover_state", "no-failover");
  if (!status.log) {
    section.field("master_replid", kNoReplId)
        .field("master_replid2", kNoReplId)
        .field("master_repl_offset", 0)
        .field("second_repl_offset", -1)
        .field("repl_backlog_active", 0)
        .field("repl_backlog_size", 0)
        .field("repl_backlog_first_byte_offset", 0)
        .field("repl_backlog_histlen", 0);
    return;
  }
  const repl::History& history = status.log->history;
  const bool has_second = !history.inherited.empty();
  // Redis counts the first byte that the second replid may *not* serve, hence the 1.
  const auto second =
      has_second ? static_cast<std::int64_t>(history.inherited.back().offset.bytes()) + 1 : -1;
  section.field("master_replid", history.id.text())
      .field("master_replid2", has_second ? history.inherited.back().id.text() : kNoReplId)
      .field("master_repl_offset", history.held.end.bytes())
      .field("second_repl_offset", second)
      .field("repl_backlog_active", 1)
      .field("repl_backlog_size", status.log->bytes_on_disk)
      .field("repl_backlog_first_byte_offset", history.held.begin.bytes() + 1)
      .field("repl_backlog_histlen", history.held.end - history.held.begin);
}

// slave_priority 0: Sentinel lists a keeper and points it at the new master, but never promotes it.
std::string replication(const Source& from) {
  Section section("Replication");
  section.field("role", redis::kReplicaWord);
  upstream_fields(section, from);
  section.field("slave_priority", 0)
      .field("slave_read_only", 1)
      .field("replica_announced", from.status.is_announced ? 1 : 0);
  replica_lines(section, from);
  history_fields(section, from.status);
  return section.take();
}

std::string cpu(const Source& from) {
  const ProcessStatus& process = from.status.process;
  return Section("CPU")
      .field("used_cpu_sys", fmt::format("{:.6f}", process.cpu_system_seconds))
      .field("used_cpu_user", fmt::format("{:.6f}", process.cpu_user_seconds))
      .field("used_cpu_sys_children", "0.000000")
      .field("used_cpu_user_children", "0.000000")
      .take();
}

std::string modules(const Source&) {
  return Section("Modules").take();
}

std::string cluster(const Source&) {
  return Section("Cluster").field("cluster_enabled", 0).take();
}

// A keeper that follows us judges by it whether our data set shrank.
std::string keyspace(const Source& from) {
  Section section("Keyspace");
  if (!from.status.log || from.status.log->keys == 0) return section.take();
  const auto counts = fmt::format("keys={},expires=0,avg_ttl=0", from.status.log->keys);
  return section.field("db0", counts).take();
}

std::string keeper(const Source& from) {
  return format_keeper_section(from.status, from.at);
}

struct SectionRow {
  std::string_view name;
  bool is_default;
  std::string (*format)(const Source& from);
};

// In the order of Redis, our own last.
constexpr SectionRow kSections[] = {
    {"server", true, server},   {"clients", true, clients},
    {"memory", true, memory},   {"persistence", true, persistence},
    {"stats", true, stats},     {"replication", true, replication},
    {"cpu", true, cpu},         {"modules", false, modules},
    {"cluster", true, cluster}, {"keyspace", true, keyspace},
    {"keeper", true, keeper},
};

bool is_wanted(const SectionRow& row, std::span<const std::string_view> sections) {
  if (sections.empty()) return row.is_default;
  return std::ranges::any_of(sections, [&row](std::string_view wanted) {
    if (same_word(wanted, "default")) return row.is_default;
    return same_word(wanted, "all") || same_word(wanted, "everything") ||
           same_word(wanted, row.name);
  });
}

std::string seconds_text(const std::optional<double>& seconds) {
  return seconds ? fmt::format("{:.1f}", *seconds) : std::string("unknown");
}

void catch_up_fields(Section& section, const repl::CatchUp& choice) {
  const bool is_by_replay = choice.by == repl::CatchUpBy::kReplay;
  section.field("keeper_catch_up_by", is_by_replay ? "replay" : "snapshot")
      .field("keeper_catch_up_replay_bytes", choice.costs.replay_bytes)
      .field("keeper_catch_up_replay_seconds", seconds_text(choice.replay_seconds))
      .field("keeper_catch_up_snapshot_bytes", choice.costs.snapshot_bytes)
      .field("keeper_catch_up_snapshot_tail_bytes", choice.costs.tail_bytes)
      .field("keeper_catch_up_snapshot_seconds", seconds_text(choice.snapshot_seconds));
}

std::string_view state_word(const Status& status) {
  if (status.failure) return "failed";
  if (status.quarantine_reason) return "quarantined";
  if (status.upstream.link == LinkState::kSync) return "loading";
  if (!status.log) return "empty";
  return status.upstream.link == LinkState::kConnected ? "streaming" : "waiting";
}

}  // namespace

std::string format_info(const View& view, std::span<const std::string_view> sections, Moment at) {
  const Status status = view.status();
  const Source from{view, status, at};
  std::string text;
  for (const SectionRow& row : kSections) {
    if (!is_wanted(row, sections)) continue;
    if (!text.empty()) text += "\r\n";
    text += row.format(from);
  }
  return text;
}

std::string format_keeper_section(const Status& status, Moment at) {
  Section section("Keeper");
  section.field("keeper_state", state_word(status))
      .field("keeper_id", status.keeper_id)
      .field("keeper_dir", one_line(status.dir))
      .field("keeper_quarantine_reason", one_line(status.quarantine_reason.value_or("")))
      .field("keeper_failure", one_line(status.failure.value_or("")))
      .field("keeper_upstream_route", one_line(status.upstream.route))
      .field("keeper_upstream_why", one_line(status.upstream.why))
      .field("keeper_upstream_sync_full", status.counters.upstream_sync_full)
      .field("keeper_upstream_sync_partial", status.counters.upstream_sync_partial)
      .field("keeper_upstream_snapshots_resumed", status.counters.upstream_snapshots_resumed)
      .field("keeper_upstream_snapshots_preferred", status.counters.upstream_snapshots_preferred)
      .field("keeper_upstream_resumed_bytes", status.counters.upstream_resumed_bytes)
      .field("keeper_snapshots_resumed", status.counters.snapshots_resumed)
      .field("keeper_upstream_bandwidth", status.upstream.bandwidth)
      .field("keeper_upstream_stream_rate", status.upstream.stream_rate);
  if (status.upstream.catch_up) catch_up_fields(section, *status.upstream.catch_up);
  if (!status.log) return section.take();
  const LogStatus& log = *status.log;
  section.field("keeper_fsync", log.fsync)
      .field("keeper_log_begin", log.history.held.begin.bytes())
      .field("keeper_log_end", log.history.held.end.bytes())
      .field("keeper_log_durable", log.durable.bytes())
      .field("keeper_log_bytes_on_disk", log.bytes_on_disk)
      .field("keeper_replids", log.history.inherited.size() + 1)
      .field("keeper_snapshots", log.snapshots.size());
  if (log.snapshots.empty()) return section.take();
  const SnapshotStatus& newest = log.snapshots.back();
  const auto end = log.history.held.end;
  section.field("keeper_snapshot_offset", newest.at.bytes())
      .field("keeper_snapshot_bytes", newest.bytes)
      .field("keeper_snapshot_keys", newest.keys)
      .field("keeper_snapshot_age_seconds", (at.wall_ms - newest.wall_ms) / 1000)
      .field("keeper_tail_bytes", end > newest.at ? end - newest.at : 0);
  return section.take();
}

std::string_view word_of(ReplicaState state) {
  switch (state) {
    case ReplicaState::kWaitBgsave:
      return "wait_bgsave";
    case ReplicaState::kSendBulk:
      return "send_bulk";
    case ReplicaState::kOnline:
      return "online";
  }
  return "unknown";
}

std::string_view word_of(LinkState state) {
  switch (state) {
    case LinkState::kNone:
      return "none";
    case LinkState::kConnect:
      return "connect";
    case LinkState::kConnecting:
      return "connecting";
    case LinkState::kHandshake:
      return "handshake";
    case LinkState::kSync:
      return "sync";
    case LinkState::kConnected:
      return "connected";
  }
  return "unknown";
}

repl::Offset received(const Status& status) {
  return status.log ? status.log->history.held.end : repl::Offset{};
}

}  // namespace sluice::keeper
