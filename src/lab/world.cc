#include "lab/world.h"

#include <charconv>
#include <csignal>
#include <utility>

#include "rt/usage.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

constexpr int kPortTries = 5;
constexpr auto kPollInterval = 20ms;
constexpr auto kGrace = 10s;  // from SIGTERM to SIGKILL
constexpr std::size_t kLogTailBytes = 600;

base::RedisUrl url_of(std::uint16_t port) {
  base::RedisUrl url;
  url.endpoint = {.host = "127.0.0.1", .port = port};
  return url;
}

}  // namespace

World::World(rt::Host& host, Folder folder, WorldOptions options)
    : host_(host),
      folder_(std::move(folder)),
      options_(std::move(options)),
      gate_(host),
      exited_(host.loop(), host.clock()) {
  if (options_.sluice.empty()) options_.sluice = rt::executable_path();
}

rt::Task<Result<Server*>> World::start(Node node) {
  CHECK(find(name_of(node)) == nullptr);
  auto made = std::make_unique<Server>();
  Server& server = *made;
  server.node_ = std::move(node);
  server.dir_ = folder_.path() + "/" + server.name();
  CO_TRY_VOID(folder_.directory().folder(server.name()));
  servers_.push_back(std::move(made));
  // Another program may take a port between our look and the node's bind.
  for (int tries = 1;; ++tries) {
    CO_TRY(server.port_, free_port());
    CO_TRY(server.metrics_port_, free_port());
    auto up = co_await launch(server);
    if (up) co_return &server;
    const bool port_was_taken =
        up.error().detail.find("ddress already in use") != std::string::npos;
    if (!port_was_taken || tries == kPortTries) co_return tl::unexpected(up.error());
  }
}

rt::Task<Result<>> World::launch(Server& server) {
  server.exit_code_.reset();
  server.client_.reset();
  CO_TRY(const auto how, spec(server));
  CO_TRY(server.process_, host_.start(how));
  gate_.spawn(watch(server));
  co_return co_await wait_until_up(server);
}

Result<rt::ProcessSpec> World::spec(Server& server) {
  rt::ProcessSpec how;
  how.output_file = server.log_file();
  if (const auto* redis = std::get_if<RedisNode>(&server.node_)) {
    const RedisPlace place{
        .port = server.port_, .master_port = port_of(redis->replica_of), .dir = server.dir_};
    const std::string file = redis->name + ".conf";
    TRY_VOID(write_text(folder_.directory(), file, redis_conf(*redis, place)));
    how.argv = redis->run_by;
    how.argv.emplace_back("redis-server");
    how.argv.push_back(folder_.path() + "/" + file);
  } else {
    const auto& keeper = std::get<KeeperNode>(server.node_);
    const KeeperPlace place{.program = options_.sluice,
                            .port = server.port_,
                            .metrics_port = server.metrics_port_,
                            .upstream_port = port_of(keeper.upstream),
                            .dir = server.dir_};
    how.argv = keeper.run_by;
    const auto argv = keeper_argv(keeper, place);
    how.argv.insert(how.argv.end(), argv.begin(), argv.end());
  }
  return how;
}

// A port that nobody listens on now, below those that the kernel gives to outgoing connections: so
// it is most likely still free when its node is restarted.
Result<std::uint16_t> World::free_port() {
  constexpr std::uint16_t kFirst = 10'000;
  constexpr std::uint16_t kCount = 22'000;
  for (int tries = 0; tries < 100; ++tries) {
    const auto port = static_cast<std::uint16_t>(kFirst + host_.random() % kCount);
    auto listener = host_.network().listen({.host = "127.0.0.1", .port = port}, std::nullopt);
    if (!listener) continue;
    (*listener)->close();
    return port;
  }
  return fail(Errc::kRejected, "no free port on 127.0.0.1");
}

rt::Task<Result<>> World::wait_until_up(Server& server) {
  const auto deadline = host_.clock().now() + options_.start_timeout;
  while (server.is_running() && host_.clock().now() < deadline) {
    redis::Words ping{"PING"};
    const auto pong = co_await call(server, std::move(ping));
    if (pong) co_return Result<>();
    co_await rt::sleep(host_, kPollInterval);
  }
  auto text = read_text(folder_.directory(), server.name() + ".log").value_or("");
  if (text.size() > kLogTailBytes) text.erase(0, text.size() - kLogTailBytes);
  const std::string what = server.is_running() ? " does not answer: " : " has ended: ";
  co_return fail(Errc::kRejected, server.name() + what + text);
}

rt::Task<void> World::watch(Server& server) {
  const int code = co_await server.process_->wait();
  server.exit_code_ = code;
  exited_.notify_all();
}

rt::Task<bool> World::wait_until_gone(Server& server, rt::Duration time) {
  const auto deadline = host_.clock().now() + time;
  while (server.is_running()) {
    const bool notified = co_await exited_.wait_until(deadline);
    if (!notified) co_return !server.is_running();
  }
  co_return true;
}

rt::Task<void> World::stop(Server& server) {
  if (!server.is_running()) co_return;
  server.client_.reset();
  server.process_->signal(SIGTERM);
  const bool is_gone = co_await wait_until_gone(server, kGrace);
  if (!is_gone) co_await kill(server);
}

rt::Task<void> World::kill(Server& server) {
  if (!server.is_running()) co_return;
  server.client_.reset();
  server.process_->signal(SIGKILL);
  co_await wait_until_gone(server, kGrace);
}

rt::Task<Result<>> World::restart(Server& server, Node node) {
  CHECK(name_of(node) == server.name());
  co_await stop(server);
  server.node_ = std::move(node);
  co_return co_await launch(server);
}

rt::Task<void> World::stop() {
  for (auto at = servers_.rbegin(); at != servers_.rend(); ++at) co_await stop(**at);
  gate_.close();
  co_await gate_.closed();
}

rt::Task<Result<std::unique_ptr<redis::Client>>> World::connect(Server& server) {
  redis::ClientOptions options;
  options.timeout = options_.call_timeout;
  co_return co_await redis::Client::connect(host_, url_of(server.port_), std::move(options));
}

rt::Task<Result<resp::Reply>> World::call(Server& server, redis::Words words) {
  if (const auto client = server.client_) {
    auto reply = co_await client->call(words);
    if (reply) co_return reply;
  }
  CO_TRY(const std::shared_ptr<redis::Client> client, co_await connect(server));
  server.client_ = client;
  co_return co_await client->call(std::move(words));
}

rt::Task<Result<resp::Reply>> World::need(Server& server, redis::Words words) {
  const std::string what = server.name() + ", " + words.front() + ": ";
  CO_TRY(auto reply, co_await call(server, std::move(words)));
  if (reply.is_error()) co_return fail(Errc::kRejected, what + reply.text);
  co_return reply;
}

rt::Task<Result<redis::Info>> World::info(Server& server) {
  redis::Words words{"INFO"};
  CO_TRY(const auto reply, co_await call(server, std::move(words)));
  if (reply.is_error()) co_return fail(Errc::kRejected, reply.text);
  co_return redis::Info::parse(reply.text);
}

rt::Task<Result<>> World::run_sluice(std::vector<std::string> arguments) {
  const std::string log = "command-" + std::to_string(++commands_run_) + ".log";
  rt::ProcessSpec how;
  how.argv = {options_.sluice};
  how.argv.insert(how.argv.end(), arguments.begin(), arguments.end());
  how.output_file = folder_.path() + "/" + log;
  CO_TRY(const auto process, host_.start(how));
  const int code = co_await process->wait();
  if (code == 0) co_return Result<>();
  const auto output = read_text(folder_.directory(), log).value_or("");
  co_return fail(Errc::kRejected, "sluice " + arguments.front() + ": " + output);
}

Server* World::find(std::string_view name) {
  for (const auto& server : servers_) {
    if (server->name() == name) return server.get();
  }
  return nullptr;
}

std::vector<Server*> World::servers() {
  std::vector<Server*> all;
  for (const auto& server : servers_) all.push_back(server.get());
  return all;
}

std::uint16_t World::port_of(const std::string& name) {
  if (name.empty()) return 0;
  std::uint16_t port = 0;
  if (std::from_chars(name.data(), name.data() + name.size(), port).ptr != name.data()) return port;
  const auto* server = find(name);
  CHECK(server != nullptr);
  return server->port_;
}

}  // namespace sluice::lab
