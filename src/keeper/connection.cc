#include <algorithm>
#include <fmt/format.h>

#include "keeper/client_list.h"
#include "keeper/handlers.h"
#include "keeper/info.h"

namespace sluice::keeper {
namespace {

constexpr std::string_view kWrongPass =
    "WRONGPASS invalid username-password pair or user is disabled.";

// False: an error was answered.
bool log_in(Call& call, std::string_view user, std::string_view password) {
  if (!call.view.credentials().admits(user, password)) {
    call.reply.error(kWrongPass);
    return false;
  }
  call.session.is_authenticated = true;
  call.session.user = user;
  return true;
}

struct HelloOptions {
  resp::Protocol protocol;
  std::optional<std::pair<std::string_view, std::string_view>> login;
  std::optional<std::string_view> name;
};

// Nothing: an error was answered. Redis: helloCommand.
std::optional<HelloOptions> parse_hello(Call& call) {
  const Argv argv = call.argv;
  HelloOptions options{call.session.protocol, {}, {}};
  if (argv.size() < 2) return options;
  const auto protocol = parse_integer(argv[1]);
  if (!protocol) {
    call.reply.error("ERR Protocol version is not an integer or out of range");
    return std::nullopt;
  }
  if (*protocol < 2 || *protocol > 3) {
    call.reply.error("NOPROTO unsupported protocol version");
    return std::nullopt;
  }
  options.protocol = static_cast<resp::Protocol>(*protocol);
  for (std::size_t i = 2; i < argv.size(); ++i) {
    const std::size_t more = argv.size() - 1 - i;
    if (same_word(argv[i], "AUTH") && more >= 2) {
      options.login.emplace(argv[i + 1], argv[i + 2]);
      i += 2;
    } else if (same_word(argv[i], "SETNAME") && more >= 1) {
      options.name = argv[++i];
    } else {
      call.reply.error(fmt::format("ERR Syntax error in HELLO option '{}'", argv[i]));
      return std::nullopt;
    }
  }
  return options;
}

void describe_server(Call& call) {
  Reply& reply = call.reply;
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(static_cast<int>(call.session.protocol));
  reply.bulk("id");
  reply.count(call.session.peer.id);
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("replica");
  reply.bulk("modules");
  reply.array(0);
}

}  // namespace

namespace handlers {

void ping(Call& call) {
  if (call.argv.size() > 2) {
    return call.reply.error("ERR wrong number of arguments for 'ping' command");
  }
  const auto message = call.argv.size() == 2 ? call.argv[1] : std::string_view();
  if (call.session.subscriptions() > 0 && call.session.protocol == resp::Protocol::kResp2) {
    call.reply.array(2);
    call.reply.bulk("pong");
    return call.reply.bulk(message);
  }
  if (call.argv.size() == 2) return call.reply.bulk(message);
  call.reply.simple("PONG");
}

void echo(Call& call) {
  call.reply.bulk(call.argv[1]);
}

void auth(Call& call) {
  if (call.argv.size() > 3) return call.reply.error(kSyntaxError);
  if (call.argv.size() == 2 && call.view.credentials().is_open()) {
    return call.reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }
  const auto user = call.argv.size() == 3 ? call.argv[1] : kDefaultUser;
  if (log_in(call, user, call.argv.back())) call.reply.ok();
}

void hello(Call& call) {
  const auto options = parse_hello(call);
  if (!options) return;
  if (options->login && !log_in(call, options->login->first, options->login->second)) return;
  if (!call.session.is_authenticated) {
    return call.reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
        "protocol version at the same time");
  }
  if (options->name && !is_client_name(*options->name)) {
    return call.reply.error(kBadClientName);
  }
  if (options->name) call.session.name = *options->name;
  call.session.protocol = options->protocol;
  call.reply.speak(call.session.protocol);
  describe_server(call);
}

void quit(Call& call) {
  call.reply.ok();
  call.close = true;
}

// Redis: clearClientConnectionState. A replica's link cannot be turned back.
void reset(Call& call) {
  if (call.session.is_replica) {
    return call.reply.error("ERR can only reset normal client connections");
  }
  SessionState fresh;
  fresh.peer = call.session.peer;
  fresh.connected_at = call.session.connected_at;
  fresh.last_interaction = call.session.last_interaction;
  fresh.last_command = call.session.last_command;
  fresh.is_authenticated = call.view.credentials().is_open();
  call.session = std::move(fresh);
  call.reply.speak(call.session.protocol);
  call.reply.simple("RESET");
}

// There is no keyspace, but clients select their database by habit.
void select(Call& call) {
  constexpr std::int64_t kDatabases = 16;
  const auto db = parse_integer(call.argv[1]);
  if (!db) return call.reply.error(kNotInteger);
  if (*db < 0 || *db >= kDatabases) return call.reply.error("ERR DB index is out of range");
  call.session.db = static_cast<std::uint32_t>(*db);
  call.reply.ok();
}

}  // namespace handlers
}  // namespace sluice::keeper
