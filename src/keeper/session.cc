#include "keeper/session.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/overloaded.h"
#include "keeper/call.h"
#include "keeper/command_table.h"
#include "keeper/handlers.h"

namespace sluice::keeper {
namespace {

// Of the queued commands of one MULTI.
constexpr std::size_t kTransactionBytesMax = 1 << 20;
constexpr std::size_t kTransactionCommandsMax = 4096;

constexpr std::string_view kExecAbort =
    "EXECABORT Transaction discarded because of previous errors.";

// As Redis prints what a client sent inside an error: at most `bytes_max` of it.
std::string_view head(std::string_view text, std::size_t bytes_max = 128) {
  return text.substr(0, bytes_max);
}

// Redis: rejectCommand in processCommand; its escapes keep the error on one line.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string unknown_command(Argv argv) {
  constexpr std::size_t kArgumentsBytesMax = 128;
  std::string arguments;
  for (const auto argument : argv.subspan(1)) {
    if (arguments.size() >= kArgumentsBytesMax) break;
    arguments += fmt::format("'{}' ", head(argument, kArgumentsBytesMax - arguments.size()));
  }
  return fmt::format("ERR unknown command '{}', with args beginning with: {}",
                     escaped(head(argv[0])), escaped(arguments));
}

std::string upper_case(std::string_view word) {
  std::string upper(word);
  const auto raise = [](char c) { return static_cast<char>(c - 'a' + 'A'); };
  std::ranges::transform(upper, upper.begin(), raise);
  return upper;
}

std::string wrong_arity(std::string_view name) {
  return fmt::format("ERR wrong number of arguments for '{}' command", name);
}

// Writes meet the error that client libraries know from any replica.
std::string needs_keyspace(const KeyspaceCommand& command, const View& view) {
  const auto upstream = view.status().upstream.endpoint;
  const std::string where = upstream ? " at " + base::to_string(*upstream) : "";
  return fmt::format(
      "{} a Sluice keeper holds the replication log, not the keyspace: send '{}' to the master{}",
      command.writes ? "READONLY You can't write against a read only replica:" : "ERR",
      command.name, where);
}

// A command of ours, one of Redis's that a keeper lacks, or the error it is refused with.
using Lookup = std::variant<const Command*, const KeyspaceCommand*, std::string>;

// Redis: lookupCommand and the two checks after it, which come before those of authentication.
Lookup look_up(Argv argv) {
  const std::string name = lower_case(head(argv[0]));
  const Command* command = name.size() == argv[0].size() ? find_command(name) : nullptr;
  // A row "name|subcommand" is reached through its container alone.
  if (command == nullptr || name.find('|') != std::string::npos) {
    const KeyspaceCommand* elsewhere = find_keyspace_command(name);
    if (elsewhere == nullptr) return unknown_command(argv);
    const Command as_ours{elsewhere->name, elsewhere->arity, kPlain, nullptr};
    if (!accepts(as_ours, argv.size())) return wrong_arity(name);
    return elsewhere;
  }
  if ((command->flags & kContainer) != 0 && argv.size() > 1) {
    const std::string_view container = command->name;
    command = find_command(fmt::format("{}|{}", container, lower_case(head(argv[1]))));
    if (command == nullptr) {
      return fmt::format("ERR unknown subcommand '{}'. Try {} HELP.", escaped(head(argv[1])),
                         upper_case(container));
    }
  }
  if (!accepts(*command, argv.size())) return wrong_arity(command->name);
  return command;
}

// Nothing: it may run. The order of the checks is processCommand's.
std::optional<std::string> refusal(const Command& command, const SessionState& session) {
  const auto has = [&](CommandFlags flag) { return (command.flags & flag) != 0; };
  if (!session.is_authenticated && !has(kNoAuth)) return "NOAUTH Authentication required.";
  if (session.subscriptions() > 0 && session.protocol == resp::Protocol::kResp2 &&
      !has(kSubscribed)) {
    return fmt::format(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
        "allowed in this context",
        command.name);
  }
  if (session.transaction && has(kNoMulti)) return "ERR Command not allowed inside a transaction";
  return std::nullopt;
}

std::string refusal(const KeyspaceCommand& command, const SessionState& session, const View& view) {
  const Command as_ours{command.name, command.arity, kPlain, nullptr};
  return refusal(as_ours, session).value_or(needs_keyspace(command, view));
}

bool is_exec(const Command& command) {
  return command.name == "exec";
}

void refuse(SessionState& session, Argv argv, std::string error, Outcome& outcome) {
  Reply reply(session.protocol);
  if (same_word(argv[0], "exec")) {
    std::string_view why = error;
    if (why.starts_with("ERR ")) why.remove_prefix(4);
    error = fmt::format("EXECABORT Transaction discarded because of: {}", why);
    session.transaction.reset();
  } else if (session.transaction) {
    session.transaction->is_broken = true;
  }
  reply.error(error);
  outcome.pieces.push_back({reply.take(), std::nullopt, false});
}

void run(const Command& command, const View& view, SessionState& session, Argv argv, Moment at,
         bool is_in_transaction, Outcome& outcome) {
  Call call{view, session, argv, at, is_in_transaction, Reply(session.protocol), {}, false};
  command.run(call);
  outcome.pieces.push_back({call.reply.take(), std::move(call.action), false});
  outcome.close |= call.close;
}

void queue(const Command& command, SessionState& session, Argv argv, Outcome& outcome) {
  Transaction& transaction = *session.transaction;
  for (const auto argument : argv) transaction.bytes += argument.size();
  if (transaction.bytes > kTransactionBytesMax ||
      transaction.queued.size() == kTransactionCommandsMax) {
    return refuse(session, argv, "ERR the transaction is too large for a keeper", outcome);
  }
  // Refused already: EXEC will not run any, so none needs to be kept.
  if (!transaction.is_broken) {
    transaction.queued.push_back({&command, std::vector<std::string>(argv.begin(), argv.end())});
  }
  outcome.pieces.push_back({"+QUEUED\r\n", std::nullopt, false});
}

void exec(const View& view, SessionState& session, Moment at, Outcome& outcome) {
  Reply reply(session.protocol);
  if (!session.transaction) {
    reply.error("ERR EXEC without MULTI");
    outcome.pieces.push_back({reply.take(), std::nullopt, false});
    return;
  }
  const Transaction transaction = std::move(*session.transaction);
  session.transaction.reset();
  if (transaction.is_broken) {
    reply.error(kExecAbort);
    outcome.pieces.push_back({reply.take(), std::nullopt, false});
    return;
  }
  reply.array(transaction.queued.size());
  outcome.pieces.push_back({reply.take(), std::nullopt, false});
  for (const QueuedCommand& queued : transaction.queued) {
    const std::vector<std::string_view> argv(queued.argv.begin(), queued.argv.end());
    run(*queued.command, view, session, argv, at, true, outcome);
  }
}

void silence(Outcome& outcome) {
  for (Piece& piece : outcome.pieces) {
    piece.reply.clear();
    piece.is_silent = true;
  }
}

bool is_start_of_replica(const std::optional<Action>& action) {
  return action && (std::holds_alternative<StartPsync>(*action) ||
                    std::holds_alternative<StartSync>(*action));
}

// What to say of an action that failed, as Redis says it.
std::string failure_text(const Action& action, const Error& error) {
  const auto of_config_set = [&](const ConfigSet& change) {
    if (error.code == Errc::kNotFound) {
      return fmt::format("ERR Unknown option or number of arguments for CONFIG SET - '{}'",
                         error.detail);
    }
    return fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - {}",
                       change.settings.empty() ? "" : change.settings.front().first, error.detail);
  };
  const auto of_rewrite = [&](const ConfigRewrite&) -> std::string {
    if (error.code != Errc::kNotFound) return "ERR Rewriting config file: " + error.detail;
    return "ERR The server is running without a config file";
  };
  const auto of_snapshot = [&](const TakeSnapshot&) -> std::string {
    if (error.code != Errc::kBusy) return "ERR " + error.detail;
    return "ERR Background save already in progress";
  };
  const Overloaded text_of{of_config_set, of_rewrite, of_snapshot,
                           [&](const auto&) { return "ERR " + error.detail; }};
  return std::visit(text_of, action);
}

}  // namespace

namespace handlers {

void multi(Call& call) {
  if (call.session.transaction) return call.reply.error("ERR MULTI calls can not be nested");
  call.session.transaction.emplace();
  call.reply.ok();
}

void discard(Call& call) {
  if (!call.session.transaction) return call.reply.error("ERR DISCARD without MULTI");
  call.session.transaction.reset();
  call.reply.ok();
}

}  // namespace handlers

Session::Session(const View& view, Peer peer, Moment at) : view_(view) {
  state_.peer = std::move(peer);
  state_.connected_at = at.now;
  state_.last_interaction = at.now;
  state_.is_authenticated = view.credentials().is_open();
}

Outcome Session::step(resp::Command argv, Moment at) {
  Outcome outcome;
  state_.last_interaction = at.now;
  const bool was_replica = state_.is_replica;
  const bool is_skipped = state_.reply_mode == ReplyMode::kSkipNext;
  if (is_skipped) state_.reply_mode = ReplyMode::kOn;

  answer(argv, at, outcome);
  // Whatever is sent to a replica is a part of its stream, so it is never sent an answer.
  if (was_replica || is_skipped || state_.reply_mode == ReplyMode::kOff) silence(outcome);
  return outcome;
}

void Session::answer(resp::Command argv, Moment at, Outcome& outcome) {
  const Lookup found = look_up(argv);
  if (const auto* error = std::get_if<std::string>(&found)) {
    return refuse(state_, argv, *error, outcome);
  }
  if (const auto* elsewhere = std::get_if<const KeyspaceCommand*>(&found)) {
    return refuse(state_, argv, refusal(**elsewhere, state_, view_), outcome);
  }
  const Command& command = *std::get<const Command*>(found);
  state_.last_command = command.name;
  if (auto error = refusal(command, state_)) {
    return refuse(state_, argv, *std::move(error), outcome);
  }
  if (is_exec(command)) return exec(view_, state_, at, outcome);
  if (state_.transaction && (command.flags & kImmediate) == 0) {
    return queue(command, state_, argv, outcome);
  }
  run(command, view_, state_, argv, at, false, outcome);
}

// A replica that is told NOMASTERLINK tries again later (Redis: slaveTryPartialResync).
std::string Session::answer_to(const Piece& piece, const Result<Done>& outcome) {
  Reply reply(state_.protocol);
  if (!outcome && is_start_of_replica(piece.action)) {
    state_.is_replica = false;
    reply.error("NOMASTERLINK Can't SYNC while not connected with my master");
    return reply.take();
  }
  if (piece.is_silent) return {};
  if (!piece.action) return piece.reply;
  if (!outcome) {
    reply.error(failure_text(*piece.action, outcome.error()));
    return reply.take();
  }
  const bool is_counted =
      std::holds_alternative<Wait>(*piece.action) || std::holds_alternative<Publish>(*piece.action);
  if (!is_counted) return piece.reply;
  reply.count(outcome->count);
  return reply.take();
}

std::string Session::deliver(std::string_view channel, std::string_view message) const {
  Reply reply(state_.protocol);
  if (state_.channels.contains(channel)) {
    reply.push(3);
    reply.bulk("message");
    reply.bulk(channel);
    reply.bulk(message);
  }
  for (const auto& pattern : state_.patterns) {
    if (!matches_glob(pattern, channel)) continue;
    reply.push(4);
    reply.bulk("pmessage");
    reply.bulk(pattern);
    reply.bulk(channel);
    reply.bulk(message);
  }
  return reply.take();
}

// Nothing a keeper is asked is long: the largest is a message to publish.
resp::CommandLimits Session::limits() const {
  resp::CommandLimits limits;
  limits.query_bytes = 4U << 20;
  limits.bulk_bytes = 1 << 20;
  limits.arguments = 1024;
  limits.is_authenticated = state_.is_authenticated;
  return limits;
}

ClientFacts Session::facts() const {
  ClientFacts facts;
  facts.id = state_.peer.id;
  facts.address = state_.peer.address;
  facts.local_address = state_.peer.local_address;
  facts.name = state_.name;
  facts.user = state_.user;
  if (state_.is_replica) {
    facts.kind = ClientKind::kReplica;
  } else if (state_.subscriptions() > 0) {
    facts.kind = ClientKind::kPubsub;
  }
  facts.connected_at = state_.connected_at;
  facts.last_interaction = state_.last_interaction;
  facts.db = state_.db;
  facts.channels = state_.channels.size();
  facts.patterns = state_.patterns.size();
  if (state_.transaction) facts.queued = state_.transaction->queued.size();
  facts.last_command = state_.last_command;
  facts.protocol = state_.protocol;
  return facts;
}

}  // namespace sluice::keeper
