#include <algorithm>
#include <fmt/format.h>

#include "keeper/client_list.h"
#include "keeper/handlers.h"

namespace sluice::keeper {
namespace {

struct KillRequest {
  ClientFilter filter;
  bool skip_me = true;
};

// Answers the error of an option that does not parse, as Redis does: clientKillCommand.
bool set_kill_option(Call& call, KillRequest& request, std::string_view option,
                     std::string_view value) {
  if (same_word(option, "ID")) {
    const auto id = parse_integer(value);
    if (!id || *id < 1) {
      call.reply.error("ERR client-id should be greater than 0");
      return false;
    }
    request.filter.id = static_cast<std::uint64_t>(*id);
  } else if (same_word(option, "TYPE")) {
    request.filter.kind = parse_client_kind(value);
    if (!request.filter.kind) {
      call.reply.error(fmt::format("ERR Unknown client type '{}'", value));
      return false;
    }
  } else if (same_word(option, "ADDR")) {
    request.filter.address = value;
  } else if (same_word(option, "LADDR")) {
    request.filter.local_address = value;
  } else if (same_word(option, "USER")) {
    if (!call.view.credentials().has_user(value)) {
      call.reply.error(fmt::format("ERR No such user '{}'", value));
      return false;
    }
    request.filter.user = value;
  } else if (same_word(option, "SKIPME") && (same_word(value, "yes") || same_word(value, "no"))) {
    request.skip_me = same_word(value, "yes");
  } else {
    call.reply.error(kSyntaxError);
    return false;
  }
  return true;
}

std::optional<KillRequest> parse_kill(Call& call) {
  const Argv argv = call.argv;
  KillRequest request;
  if (argv.size() == 3) {
    request.filter.address = argv[2];
    request.skip_me = false;
    return request;
  }
  if (argv.size() % 2 == 1) {
    call.reply.error(kSyntaxError);
    return std::nullopt;
  }
  for (std::size_t i = 2; i < argv.size(); i += 2) {
    if (!set_kill_option(call, request, argv[i], argv[i + 1])) return std::nullopt;
  }
  return request;
}

// How many clients die. Oneself is closed after the answer.
std::size_t kill(Call& call, const KillRequest& request) {
  KillClients doomed;
  std::size_t killed = 0;
  for (const ClientFacts& client : call.view.clients()) {
    const bool is_self = client.id == call.session.peer.id;
    if (!matches(request.filter, client) || (is_self && request.skip_me)) continue;
    ++killed;
    if (is_self) {
      call.close = true;
    } else {
      doomed.ids.push_back(client.id);
    }
  }
  if (!doomed.ids.empty()) call.action = std::move(doomed);
  return killed;
}

bool is_on_or_off(std::string_view word) {
  return same_word(word, "ON") || same_word(word, "OFF");
}

}  // namespace

namespace handlers {

void client_caching(Call& call) {
  call.reply.error(
      "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
      "OPTOUT mode enabled");
}

void client_getname(Call& call) {
  if (call.session.name.empty()) return call.reply.null();
  call.reply.bulk(call.session.name);
}

void client_getredir(Call& call) {
  call.reply.integer(-1);
}

void client_help(Call& call) {
  constexpr std::string_view kLines[] = {
      "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "GETNAME | SETNAME <name> | ID | INFO | LIST [TYPE <type>|ID <id> ...]",
      "KILL <ip:port> | KILL [ID <id>] [ADDR <ip:port>] [LADDR <ip:port>] [USER <name>]",
      "     [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [SKIPME (YES|NO)]",
      "REPLY (ON|OFF|SKIP) | NO-EVICT (ON|OFF) | TRACKING (ON|OFF)",
  };
  call.reply.array(std::size(kLines));
  for (const auto line : kLines) call.reply.simple(line);
}

void client_id(Call& call) {
  call.reply.count(call.session.peer.id);
}

void client_info(Call& call) {
  for (const ClientFacts& client : call.view.clients()) {
    if (client.id == call.session.peer.id) return call.reply.text(client_line(client, call.at.now));
  }
  call.reply.text("");
}

void client_kill(Call& call) {
  const auto request = parse_kill(call);
  if (!request) return;
  const std::size_t killed = kill(call, *request);
  if (call.argv.size() > 3) return call.reply.count(killed);
  if (killed == 0) return call.reply.error("ERR No such client");
  call.reply.ok();
}

void client_list(Call& call) {
  const Argv argv = call.argv;
  std::optional<ClientKind> kind;
  std::vector<std::uint64_t> ids;
  if (argv.size() == 4 && same_word(argv[2], "TYPE")) {
    kind = parse_client_kind(argv[3]);
    if (!kind) return call.reply.error(fmt::format("ERR Unknown client type '{}'", argv[3]));
  } else if (argv.size() >= 4 && same_word(argv[2], "ID")) {
    for (const auto word : argv.subspan(3)) {
      const auto id = parse_integer(word);
      if (!id) return call.reply.error("ERR Invalid client ID");
      ids.push_back(static_cast<std::uint64_t>(*id));
    }
  } else if (argv.size() != 2) {
    return call.reply.error(kSyntaxError);
  }
  std::string lines;
  for (const ClientFacts& client : call.view.clients()) {
    const bool is_named = ids.empty() || std::ranges::find(ids, client.id) != ids.end();
    if (is_named && (!kind || *kind == client.kind)) lines += client_line(client, call.at.now);
  }
  call.reply.text(lines);
}

void client_no_evict(Call& call) {
  if (!is_on_or_off(call.argv[2])) return call.reply.error(kSyntaxError);
  call.reply.ok();
}

void client_pause(Call& call) {
  call.reply.error("ERR a keeper runs no commands on data, so there is nothing to pause");
}

void client_reply(Call& call) {
  if (same_word(call.argv[2], "ON")) {
    call.session.reply_mode = ReplyMode::kOn;
    return call.reply.ok();
  }
  if (same_word(call.argv[2], "OFF")) {
    call.session.reply_mode = ReplyMode::kOff;
    return;
  }
  if (!same_word(call.argv[2], "SKIP")) return call.reply.error(kSyntaxError);
  if (call.session.reply_mode == ReplyMode::kOn) call.session.reply_mode = ReplyMode::kSkipNext;
}

// Redis 7.2. Clients send it to whoever they meet and tolerate any answer.
void client_setinfo(Call& call) {
  const auto attribute = call.argv[2];
  if (!same_word(attribute, "lib-name") && !same_word(attribute, "lib-ver")) {
    return call.reply.error(fmt::format("ERR Unrecognized option '{}'", attribute));
  }
  call.reply.ok();
}

void client_setname(Call& call) {
  if (!is_client_name(call.argv[2])) return call.reply.error(kBadClientName);
  call.session.name = call.argv[2];
  call.reply.ok();
}

// Nothing is ever invalidated here, so a client may believe that it is tracked.
void client_tracking(Call& call) {
  if (!is_on_or_off(call.argv[2])) return call.reply.error(kSyntaxError);
  call.reply.ok();
}

void client_trackinginfo(Call& call) {
  call.reply.map(3);
  call.reply.bulk("flags");
  call.reply.set(1);
  call.reply.bulk("off");
  call.reply.bulk("redirect");
  call.reply.integer(-1);
  call.reply.bulk("prefixes");
  call.reply.array(0);
}

void client_unblock(Call& call) {
  if (!parse_integer(call.argv[2])) return call.reply.error(kNotInteger);
  call.reply.integer(0);
}

}  // namespace handlers
}  // namespace sluice::keeper
