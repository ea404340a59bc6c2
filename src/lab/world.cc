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
  server.site_ = site(site_of(server.node_));
  CHECK(site_of(server.node_).empty() || server.site_ != nullptr);
  CO_TRY_VOID(folder_.directory().folder(server.name()));
  servers_.push_back(std::move(made));
  // Another program may take a port between our look and the node's bind.
  for (int tries = 1;; ++tries) {
    CO_TRY(server.port_, free_port(server.site_));
    CO_TRY(server.metrics_port_, free_port(server.site_));
    CO_TRY(server.tls_port_, free_port(server.site_));
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

Result<> World::add_site(const WanSideStatus& side) {
  TRY(auto where, rt::NetNamespace::open(side.netns));
  Site site{side.name, side.address, std::move(where)};
  sites_.push_back(std::make_unique<Site>(std::move(site)));
  return {};
}

const Site* World::site(std::string_view name) const {
  for (const auto& each : sites_) {
    if (each->name == name) return each.get();
  }
  return nullptr;
}

Result<rt::ProcessSpec> World::spec(Server& server) {
  rt::ProcessSpec how;
  how.output_file = server.log_file();
  if (server.site_ != nullptr) how.argv = {"nsenter", "--net=" + server.site_->where.path()};
  const auto& run_by =
      std::visit([](const auto& any) -> const auto& { return any.run_by; }, server.node_);
  how.argv.insert(how.argv.end(), run_by.begin(), run_by.end());
  TRY(const auto argv, argv_of(server));
  how.argv.insert(how.argv.end(), argv.begin(), argv.end());
  return how;
}

Result<std::vector<std::string>> World::argv_of(Server& server) {
  const std::string address = server.site_ != nullptr ? server.site_->address : "";
  if (const auto* redis = std::get_if<RedisNode>(&server.node_)) {
    const RedisPlace place{.port = server.port_,
                           .master_port = port_of(redis->replica_of),
                           .dir = server.dir_,
                           .master_host = host_of(redis->replica_of, server),
                           .address = address};
    const std::string file = redis->name + ".conf";
    TRY_VOID(write_text(folder_.directory(), file, redis_conf(*redis, place)));
    return std::vector<std::string>{"redis-server", folder_.path() + "/" + file};
  }
  if (const auto* relay = std::get_if<RelayNode>(&server.node_)) {
    const RelayPlace place{.program = options_.sluice,
                           .port = server.port_,
                           .tls_port = server.tls_port_,
                           .metrics_port = server.metrics_port_,
                           .address = address};
    return relay_argv(*relay, place);
  }
  if (const auto* link = std::get_if<LinkNode>(&server.node_)) {
    const LinkPlace place{.program = options_.sluice,
                          .metrics_port = server.metrics_port_,
                          .to_port = port_of(link->to)};
    return link_argv(*link, place);
  }
  const auto& keeper = std::get<KeeperNode>(server.node_);
  const KeeperPlace place{.program = options_.sluice,
                          .port = server.port_,
                          .metrics_port = server.metrics_port_,
                          .upstream_port = port_of(keeper.upstream),
                          .dir = server.dir_};
  return keeper_argv(keeper, place);
}

// A port that nobody listens on now, below those that the kernel gives to outgoing connections: so
// it is most likely still free when its node is restarted.
Result<std::uint16_t> World::free_port(const Site* site) {
  constexpr std::uint16_t kFirst = 10'000;
  constexpr std::uint16_t kCount = 22'000;
  for (int tries = 0; tries < 100; ++tries) {
    const auto port = static_cast<std::uint16_t>(kFirst + host_.random() % kCount);
    const auto look = [&]() -> Result<> {
      TRY(const auto listener,
          host_.network().listen({.host = "127.0.0.1", .port = port}, std::nullopt));
      listener->close();
      return {};
    };
    const auto is_free = site == nullptr ? look() : site->where.run(look);
    if (is_free) return port;
  }
  return fail(Errc::kRejected, "no free port on 127.0.0.1");
}

rt::Task<Result<>> World::wait_until_up(Server& server) {
  const auto deadline = host_.clock().now() + options_.start_timeout;
  while (server.is_running() && host_.clock().now() < deadline) {
    const auto is_up = co_await greet(server);
    if (is_up) co_return Result<>();
    co_await rt::sleep(host_, kPollInterval);
  }
  auto text = read_text(folder_.directory(), server.name() + ".log").value_or("");
  if (text.size() > kLogTailBytes) text.erase(0, text.size() - kLogTailBytes);
  const std::string what = server.is_running() ? " does not answer: " : " has ended: ";
  co_return fail(Errc::kRejected, server.name() + what + text);
}

rt::Task<Result<>> World::greet(Server& server) {
  if (std::holds_alternative<RelayNode>(server.node_)) {
    CO_TRY(const auto stream, co_await dial(server, server.port_));
    co_return Result<>();
  }
  if (std::holds_alternative<LinkNode>(server.node_)) {
    CO_TRY(const auto stream, co_await dial(server, server.metrics_port_));
    co_return Result<>();
  }
  redis::Words ping{"PING"};
  CO_TRY(const auto pong, co_await call(server, std::move(ping)));
  co_return Result<>();
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
  if (server.site_ != nullptr) options.inside = &server.site_->where;
  co_return co_await redis::Client::connect(host_, url_of(server.port_), std::move(options));
}

rt::Task<Result<std::unique_ptr<rt::Stream>>> World::dial(Server& server, std::uint16_t port) {
  rt::ConnectOptions how;
  if (server.site_ != nullptr) how.inside = &server.site_->where;
  base::Endpoint at{.host = "127.0.0.1", .port = port};
  auto& network = host_.network();
  co_return co_await network.connect(std::move(at), std::move(how));
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
  arguments.insert(arguments.begin(), options_.sluice);
  co_return co_await run(std::move(arguments));
}

rt::Task<Result<>> World::run(std::vector<std::string> argv) {
  const std::string log = "command-" + std::to_string(++commands_run_) + ".log";
  const bool is_ours = argv.front() == options_.sluice;
  const std::string what = is_ours ? "sluice " + argv[1] : argv.front();
  rt::ProcessSpec how;
  how.argv = std::move(argv);
  how.output_file = folder_.path() + "/" + log;
  CO_TRY(const auto process, host_.start(how));
  const int code = co_await process->wait();
  if (code == 0) co_return Result<>();
  const auto output = read_text(folder_.directory(), log).value_or("");
  co_return fail(Errc::kRejected, what + ": " + output);
}

Server* World::find(std::string_view name) {
  for (const auto& server : servers_) {
    if (server->name() == name) return server.get();
  }
  return nullptr;
}

std::vector<Server*> World::servers() {
  std::vector<Server*> all;
  all.reserve(servers_.size());
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

// As seen from `for_whom`: on its own site, or over the WAN.
std::string World::host_of(const std::string& name, const Server& for_whom) {
  const auto* server = find(name);
  const bool is_near = server == nullptr || server->site_ == for_whom.site_;
  return is_near || server->site_ == nullptr ? "127.0.0.1" : server->site_->address;
}

}  // namespace sluice::lab
