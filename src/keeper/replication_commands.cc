#include <fmt/format.h>

#include "keeper/handlers.h"
#include "keeper/info.h"
#include "redis/wire_words.h"
#include "repl/payload.h"

namespace sluice::keeper {
namespace {

// Redis: replicationCommand options that a replica may send. False: an error was answered.
// NOLINTNEXTLINE(readability-function-cognitive-complexity): one case for each
bool set_replica_fact(Call& call, std::string_view option, std::string_view value) {
  ReplicaFacts& facts = call.session.replica;
  if (same_word(option, "listening-port")) {
    const auto port = parse_integer(value);
    if (!port) {
      call.reply.error(kNotInteger);
      return false;
    }
    const bool is_port = *port >= 0 && *port <= 65535;
    facts.listening_port = is_port ? static_cast<std::uint16_t>(*port) : std::uint16_t{0};
  } else if (same_word(option, "ip-address")) {
    constexpr std::size_t kAddressBytesMax = 255;
    if (value.size() > kAddressBytesMax) {
      call.reply.error(
          fmt::format("ERR REPLCONF ip-address provided by replica instance is too long: {} bytes",
                      value.size()));
      return false;
    }
    facts.announced_ip = value;
  } else if (same_word(option, "capa")) {
    facts.can_eof |= same_word(value, "eof");
    facts.can_psync2 |= same_word(value, "psync2");
    facts.is_keeper |= same_word(value, "keeper");
  } else if (same_word(option, "snapshot-name")) {
    if (!repl::is_snapshot_name(value)) {
      call.reply.error("ERR snapshot-name is no name of a snapshot");
      return false;
    }
    facts.held_snapshot = value;
  } else if (same_word(option, "snapshot-from")) {
    const auto held = parse_integer(value);
    if (!held || *held < 0) {
      call.reply.error(kNotInteger);
      return false;
    }
    facts.held_bytes = static_cast<std::uint64_t>(*held);
  } else if (same_word(option, "version")) {
    facts.version = value.substr(0, 64);
  } else if (same_word(option, "rdb-only")) {
    const auto flag = parse_integer(value);
    if (!flag || *flag < 0 || *flag > 1) {
      call.reply.error(kNotInteger);
      return false;
    }
    facts.wants_only_rdb = *flag == 1;
  } else if (same_word(option, "rdb-filter-only") && value.empty()) {
    facts.wants_no_data = true;  // it discards the snapshot, so a whole one does no harm
  } else if (same_word(option, "rdb-filter-only")) {
    call.reply.error(fmt::format(
        "ERR Unsupported rdb-filter-only option: {} (a keeper sends its snapshots whole)", value));
    return false;
  } else {
    call.reply.error(fmt::format("ERR Unrecognized REPLCONF option: {}", option));
    return false;
  }
  return true;
}

// REPLCONF ACK <offset> [FACK <offset>]. Never answered, whatever it holds: the link is a stream.
void take_ack(Call& call) {
  if (!call.session.is_replica) return;
  ReplicaFacts& facts = call.session.replica;
  const auto acked = parse_integer(call.argv[2]);
  if (!acked || *acked < 0) return;
  facts.acked = repl::Offset{static_cast<std::uint64_t>(*acked)};
  facts.last_ack = call.at.now;
  if (call.argv.size() >= 5 && same_word(call.argv[3], "FACK")) {
    const auto fsynced = parse_integer(call.argv[4]);
    if (fsynced && *fsynced >= 0)
      facts.fsynced = repl::Offset{static_cast<std::uint64_t>(*fsynced)};
  }
  call.action = Ack{*facts.acked};
}

}  // namespace

namespace handlers {

void replicaof(Call& call) {
  if (same_word(call.argv[1], "no") && same_word(call.argv[2], "one")) {
    call.action = ReplicaofNone{};
    return call.reply.ok();
  }
  const auto port = parse_integer(call.argv[2]);
  if (!port || *port < 0 || *port > 65535) return call.reply.error("ERR Invalid master port");
  const base::Endpoint wanted{std::string(call.argv[1]), static_cast<std::uint16_t>(*port)};
  const auto present = call.view.status().upstream.endpoint;
  if (present && same_word(present->host, wanted.host) && present->port == wanted.port) {
    return call.reply.simple("OK Already connected to specified master");
  }
  call.action = Replicaof{wanted};
  call.reply.ok();
}

void psync(Call& call) {
  if (call.session.is_replica) return;
  if (call.argv.size() > 3 && same_word(call.argv[3], "FAILOVER")) {
    return call.reply.error("ERR a keeper is never promoted: choose a replica for the failover");
  }
  if (!parse_integer(call.argv[2])) return call.reply.error(kNotInteger);
  // What is no position of any log (another form of replid, an offset below 1) is a position that
  // is not here: Redis too answers it with a full resync.
  const auto request = repl::parse_psync(call.argv[1], call.argv[2]);
  call.session.is_replica = true;
  call.action = StartPsync{request ? *request : repl::PsyncRequest{}};
}

void sync(Call& call) {
  if (call.session.is_replica) return;
  call.session.is_replica = true;
  call.action = StartSync{};
}

void replconf(Call& call) {
  const Argv argv = call.argv;
  if (argv.size() % 2 == 0) return call.reply.error(kSyntaxError);
  for (std::size_t i = 1; i < argv.size(); i += 2) {
    if (same_word(argv[i], "ack")) {
      if (i == 1) take_ack(call);
      return;
    }
    if (same_word(argv[i], "getack")) return;  // asked by masters of their replicas only
    if (!set_replica_fact(call, argv[i], argv[i + 1])) return;
  }
  call.reply.ok();
}

// A stock replica refuses WAIT. A keeper knows what its own replicas have, so it answers.
void wait(Call& call) {
  const auto replicas = parse_integer(call.argv[1]);
  if (!replicas) return call.reply.error(kNotInteger);
  const auto timeout = parse_integer(call.argv[2]);
  if (!timeout) return call.reply.error("ERR timeout is not an integer or out of range");
  if (*timeout < 0) return call.reply.error("ERR timeout is negative");
  Wait wait;
  wait.replicas = *replicas < 0 ? 0 : static_cast<std::uint64_t>(*replicas);
  wait.timeout = std::chrono::milliseconds(*timeout);
  wait.may_block = !call.is_in_transaction;
  call.action = wait;
}

void role(Call& call) {
  const Status status = call.view.status();
  const UpstreamStatus& upstream = status.upstream;
  call.reply.array(5);
  call.reply.bulk(redis::kReplicaWord);
  call.reply.bulk(upstream.endpoint ? upstream.endpoint->host : "");
  call.reply.integer(upstream.endpoint ? upstream.endpoint->port : 0);
  call.reply.bulk(word_of(upstream.endpoint ? upstream.link : LinkState::kNone));
  call.reply.count(received(status).bytes());
}

void failover(Call& call) {
  call.reply.error("ERR FAILOVER is not valid when server is a replica.");
}

}  // namespace handlers
}  // namespace sluice::keeper
