#include "keeper/replayer.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>
#include <variant>

#include "redis/upstream.h"
#include "resp/command_reader.h"

namespace sluice::keeper {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr std::string_view kLoopback = "127.0.0.1";

std::string random_password(rt::Host& host) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int word = 0; word < 2; ++word) {
    auto bits = host.random();
    for (int digit = 0; digit < 16; ++digit, bits >>= 4) text += kDigits[bits & 15];
  }
  return text;
}

bool is_word(std::string_view given, std::string_view word) {
  return std::ranges::equal(given, word, [](char a, char b) { return (a | 0x20) == b; });
}

ReplicaRequest request_of(std::span<const std::string_view> argv) {
  ReplicaRequest request;
  if (auto psync = repl::parse_psync(argv[1], argv[2])) request.psync = *std::move(psync);
  return request;
}

rt::Task<void> serve_stream(Downstream& downstream, rt::Stream& stream, ReplicaRequest request) {
  (void)co_await downstream.serve(std::move(request));
  stream.close();
}

}  // namespace

Replayer::Replayer(rt::Host& host, DownstreamShared& shared, ReplayerOptions options)
    : host_(host),
      shared_{shared.host,          shared.active_log,      shared.admission,
              shared.snapshot_rate, shared.lineage_changed, counters_},
      options_(std::move(options)),
      door_password_(random_password(host)),
      gate_(host) {
  url_.password = random_password(host);
}

rt::Task<Result<base::RedisUrl>> Replayer::start() {
  const base::Endpoint door{std::string(kLoopback), 0};
  CO_TRY(listener_, host_.network().listen(door, std::nullopt));
  gate_.spawn(accept_loop());
  CO_TRY_VOID(co_await try_start());
  co_return url_;
}

// A free port is found by binding it; should another process take it in between, the server says
// so by ending, and the caller tries again later.
rt::Task<Result<>> Replayer::try_start() {
  const base::Endpoint anywhere{std::string(kLoopback), 0};
  CO_TRY(auto probe, host_.network().listen(anywhere, std::nullopt));
  url_.endpoint = probe->local();
  probe->close();
  probe.reset();

  rt::ProcessSpec spec;
  spec.argv = {options_.redis_server, "-"};
  spec.standard_input = config();
  spec.working_directory = options_.working_directory;
  CO_TRY(process_, host_.start(spec));
  gate_.spawn(watch_process());

  const auto deadline = host_.clock().now() + options_.start_timeout;
  while (!exit_code_ && host_.clock().now() < deadline) {
    redis::UpstreamOptions how;
    how.url = url_;
    auto link = co_await redis::Upstream::connect(host_, std::move(how));
    if (link) co_return Result<>{};
    co_await gate_.sleep(kPoll);
  }
  co_return fail(
      Errc::kRejected,
      options_.redis_server + " did not start" +
          (exit_code_ ? ": it exited with " + std::to_string(*exit_code_) : std::string()));
}

std::string Replayer::config() const {
  const auto door = listener_->local();
  return "bind " + std::string(kLoopback) + "\nport " + std::to_string(url_.endpoint.port) +
         "\nrequirepass " + url_.password + "\nmasterauth " + door_password_ + "\nreplicaof " +
         std::string(kLoopback) + " " + std::to_string(door.port) +
         "\nsave \"\"\nappendonly no\ndaemonize no\nrepl-diskless-sync yes\n"
         "repl-diskless-sync-delay 0\nrepl-diskless-load on-empty-db\nrepl-timeout 3600\n"
         "client-output-buffer-limit replica 0 0 0\n" +
         (options_.module.empty() ? std::string() : "loadmodule " + options_.module + "\n");
}

rt::Task<void> Replayer::watch_process() {
  exit_code_ = co_await process_->wait();
}

rt::Task<void> Replayer::accept_loop() {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream || is_stopping_) co_return;
    gate_.spawn(serve(*std::move(stream)));
  }
}

// The little of a master that its one replica asks for.
rt::Task<void> Replayer::serve(std::unique_ptr<rt::Stream> stream) {
  streams_.push_back(stream.get());
  resp::CommandReader reader;
  Downstream downstream(shared_, *stream, {});
  rt::Gate own(host_);
  bool is_known = false;
  std::string input;
  for (bool goes_on = true; goes_on;) {
    const auto count = co_await stream->read_some(host_.read_buffer());
    if (!count) break;
    input.assign(host_.read_buffer().data(), *count);
    reader.feed(input);
    std::string output;
    for (;;) {
      const auto command = reader.next();
      goes_on = command.has_value();
      if (!goes_on || !*command) break;
      const auto argv = **command;
      if (is_word(argv[0], "psync") && argv.size() == 3 && is_known) {
        ReplicaRequest request = request_of(argv);
        if (!request.psync || !request.psync->from) ++snapshots_asked_;
        request.until = options_.until;
        own.spawn(serve_stream(downstream, *stream, std::move(request)));
        continue;
      }
      auto reply = answer(argv, is_known);
      goes_on = reply.has_value();
      if (!goes_on) break;
      output += *reply;
    }
    if (!output.empty()) {
      const auto written = co_await stream->write(output);
      goes_on = goes_on && written.has_value();
    }
  }
  stream->close();
  downstream.cancel();
  own.close();
  co_await own.closed();
  std::erase(streams_, stream.get());
}

Result<std::string> Replayer::answer(std::span<const std::string_view> argv, bool& is_known) {
  if (is_word(argv[0], "auth")) {
    is_known = argv.back() == door_password_;
    return is_known ? "+OK\r\n" : "-WRONGPASS this door is for one replica\r\n";
  }
  if (!is_known)
    return is_word(argv[0], "ping") ? Result<std::string>("-NOAUTH\r\n")
                                    : fail(Errc::kRejected, "a stranger");
  if (is_word(argv[0], "ping")) return "+PONG\r\n";
  if (is_word(argv[0], "replconf")) {
    return argv.size() > 1 && is_word(argv[1], "ack") ? std::string() : std::string("+OK\r\n");
  }
  return "-ERR unknown command\r\n";
}

rt::Task<Result<>> Replayer::caught_up(repl::Offset offset) {
  redis::UpstreamOptions how;
  how.url = url_;
  how.silence_max = std::chrono::hours(1);
  auto connected = co_await redis::Upstream::connect(host_, how);
  while (!connected && connected.error().code == Errc::kBusy) {  // it has begun to load already
    const bool goes_on = co_await gate_.sleep(kPoll);
    if (!goes_on) co_return fail(Errc::kCancelled, "stopping");
    connected = co_await redis::Upstream::connect(host_, how);
  }
  CO_TRY(auto link, std::move(connected));
  for (;;) {
    CO_TRY(const auto peer, co_await link->peer());
    if (!peer.is_loading && peer.is_link_up) executed_ = peer.offset;
    if (executed_ >= offset) co_return Result<>{};
    if (exit_code_) co_return fail(Errc::kRejected, "the private redis-server ended");
    if (snapshots_asked_ > 1) {
      co_return fail(
          Errc::kRejected,
          options_.redis_server +
              " does not load the snapshot: if it is older than the Redis or Valkey that "
              "made it, name a newer one (redis_server, or --redis-server)");
    }
    const bool goes_on = co_await gate_.sleep(kPoll);
    if (!goes_on) co_return fail(Errc::kCancelled, "stopping");
  }
}

void Replayer::interrupt() {
  is_stopping_ = true;
  gate_.close();
  if (process_ && !exit_code_) process_->signal(SIGKILL);
}

rt::Task<void> Replayer::stop() {
  is_stopping_ = true;
  gate_.close();
  if (listener_) listener_->close();
  for (auto* const stream : streams_) stream->close();
  if (process_ && !exit_code_) process_->signal(SIGKILL);
  co_await gate_.closed();
}

}  // namespace sluice::keeper
