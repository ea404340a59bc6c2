#include <fmt/format.h>

#include "keeper/handlers.h"
#include "keeper/info.h"

namespace sluice::keeper {
namespace {

const SnapshotStatus* newest_snapshot(const Status& status) {
  const bool has_one = status.log && !status.log->snapshots.empty();
  return has_one ? &status.log->snapshots.back() : nullptr;
}

bool is_shutdown_word(std::string_view word) {
  return same_word(word, "NOSAVE") || same_word(word, "SAVE") || same_word(word, "NOW") ||
         same_word(word, "FORCE");
}

}  // namespace

namespace handlers {

void keeper_accept(Call& call) {
  if (!call.view.status().quarantine_reason) {
    return call.reply.error("ERR nothing is in quarantine");
  }
  call.action = AcceptQuarantine{};
  call.reply.ok();
}

void keeper_help(Call& call) {
  constexpr std::string_view kLines[] = {
      "KEEPER <subcommand>. Subcommands are:",
      "STATUS: what the keeper holds and how it fares, as in INFO keeper.",
      "SNAPSHOT: take a snapshot of the newest data, without the master.",
      "ACCEPT: pass on the data set that is in quarantine, and retire the present one.",
      "REJECT: drop the data set that is in quarantine, and keep the present one.",
      "HELP: this text.",
  };
  call.reply.array(std::size(kLines));
  for (const auto line : kLines) call.reply.simple(line);
}

void keeper_reject(Call& call) {
  if (!call.view.status().quarantine_reason) {
    return call.reply.error("ERR nothing is in quarantine");
  }
  call.action = RejectQuarantine{};
  call.reply.ok();
}

void keeper_snapshot(Call& call) {
  call.action = TakeSnapshot{};
  call.reply.ok();
}

void keeper_status(Call& call) {
  call.reply.text(format_keeper_section(call.view.status(), call.at));
}

void bgsave(Call& call) {
  const bool is_plain = call.argv.size() == 1;
  if (!is_plain && !(call.argv.size() == 2 && same_word(call.argv[1], "SCHEDULE"))) {
    return call.reply.error(kSyntaxError);
  }
  call.action = TakeSnapshot{};
  call.reply.simple("Background saving started");
}

// When the newest snapshot was complete; as Redis, the time of the start if there is none.
void lastsave(Call& call) {
  const Status status = call.view.status();
  const auto* newest = newest_snapshot(status);
  if (newest != nullptr) return call.reply.integer(newest->wall_ms / 1000);
  const auto uptime = call.at.now - status.process.started;
  const auto uptime_ms = std::chrono::duration_cast<std::chrono::milliseconds>(uptime).count();
  call.reply.integer((call.at.wall_ms - uptime_ms) / 1000);
}

// Keys of the newest snapshot: what a replica would find that resyncs here, but for its tail.
void dbsize(Call& call) {
  const Status status = call.view.status();
  const auto* newest = newest_snapshot(status);
  call.reply.count(newest == nullptr ? 0 : newest->keys);
}

void save(Call& call) {
  call.reply.error("ERR a keeper takes snapshots in the background: use BGSAVE");
}

// Like Redis, no answer but the end of the connection. Whatever is logged stays.
void shutdown(Call& call) {
  for (const auto word : call.argv.subspan(1)) {
    if (same_word(word, "ABORT")) return call.reply.error("ERR No shutdown in progress.");
    if (!is_shutdown_word(word)) return call.reply.error(kSyntaxError);
  }
  call.action = Shutdown{};
  call.close = true;
}

}  // namespace handlers
}  // namespace sluice::keeper
