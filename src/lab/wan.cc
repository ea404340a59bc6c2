#include "lab/wan.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fmt/format.h>
#include <utility>

#include "lab/session.h"
#include "lab/wan_emulator.h"
#include "rt/unix_socket.h"

namespace sluice::lab {
namespace {

constexpr const char* kFolder = "/run/sluice";

std::string socket_of(const std::string& name) {
  return fmt::format("{}/wan-{}.sock", kFolder, name);
}

Result<> check_name(const std::string& name) {
  const auto is_fit = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  constexpr std::size_t kLengthMax = 64;
  if (!name.empty() && name.size() <= kLengthMax && std::ranges::all_of(name, is_fit)) return {};
  return fail(Errc::kRejected, "--name '" + name + "' is not made of letters, digits, '-' and '_'");
}

// A line and its end, or what went wrong.
rt::Task<Result<std::string>> read_line(rt::Stream& stream) {
  std::string line;
  std::array<char, 4096> part{};
  while (!line.ends_with('\n')) {
    if (line.size() > kWanLineBytesMax) co_return fail(Errc::kRejected, "a line is too long");
    CO_TRY(const auto count, co_await stream.read_some(part));
    line.append(part.data(), count);
  }
  co_return line;
}

// --- the server ----------------------------------------------------------------------------------

class WanServer {
 public:
  WanServer(rt::Host& host, Wish& wish, const WanOptions& options)
      : host_(host), wish_(wish), options_(options), tasks_(host) {}

  rt::Task<int> run(const WanChange& conditions) {
    auto outcome = co_await serve(conditions);
    if (listener_) listener_->close();
    if (emulator_) emulator_->stop();
    tasks_.close();
    co_await tasks_.closed();
    if (outcome) co_return 0;
    std::fprintf(stderr, "sluice lab wan: %s\n", outcome.error().detail.c_str());
    co_return 1;
  }

 private:
  rt::Task<Result<>> serve(WanChange conditions) {
    CO_TRY_VOID(check_name(options_.name));
    CO_TRY(const auto folder, host_.directory(kFolder));
    const auto held = folder->lock("wan-" + options_.name + ".lock");
    if (!held) co_return fail(Errc::kBusy, "a WAN named '" + options_.name + "' runs already");
    CO_TRY(emulator_, WanEmulator::make(host_, options_));
    CO_TRY_VOID(emulator_->change(conditions));
    CO_TRY(listener_, rt::listen_unix(host_.loop(), socket_of(options_.name)));
    emulator_->start(tasks_);
    tasks_.spawn(accept_all());
    std::fputs((to_text(emulator_->status()) + "ready\n").c_str(), stdout);
    std::fflush(stdout);
    const bool is_limited = options_.run_for > rt::Duration{0};
    const rt::Duration life = is_limited ? options_.run_for : std::chrono::hours(24 * 365);
    co_await wish_.sleep(life);
    (void)folder->remove("wan-" + options_.name + ".lock");
    co_return Result<>();
  }

  rt::Task<void> accept_all() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (!stream) co_return;
      auto answering = answer(*std::move(stream));
      tasks_.spawn(std::move(answering));
    }
  }

  rt::Task<void> answer(std::unique_ptr<rt::Stream> stream) {
    const auto line = co_await read_line(*stream);
    if (!line) co_return;
    const auto reply = to_line(changed(*line));
    (void)co_await stream->write(reply);
  }

  Result<WanStatus> changed(const std::string& line) {
    TRY(const auto change, parse_change(line));
    TRY_VOID(emulator_->change(change));
    return emulator_->status();
  }

  rt::Host& host_;
  Wish& wish_;
  const WanOptions options_;
  rt::Gate tasks_;
  std::unique_ptr<WanEmulator> emulator_;
  std::unique_ptr<rt::Listener> listener_;
};

rt::Task<int> serve(rt::Host& host, Wish& wish, const WanOptions& options,
                    const WanChange& conditions) {
  WanServer server(host, wish, options);
  co_return co_await server.run(conditions);
}

// --- the client ----------------------------------------------------------------------------------

rt::Task<Result<WanStatus>> ask(rt::Host& host, std::string path, std::string request) {
  CO_TRY(const auto stream, rt::connect_unix(host.loop(), path));
  CO_TRY_VOID(co_await stream->write(request));
  CO_TRY(const auto line, co_await read_line(*stream));
  co_return parse_status(line);
}

rt::Task<int> ask_into(rt::Host& host, const std::string& path, const WanChange& change,
                       Result<WanStatus>& answer) {
  answer = co_await ask(host, path, to_line(change));
  co_return 0;
}

}  // namespace

int run_wan(const WanOptions& options, const WanChange& conditions) {
  return run_session(
      [&](rt::Host& host, Wish& wish) { return serve(host, wish, options, conditions); });
}

Result<WanStatus> change_wan(const std::string& name, const WanChange& change) {
  TRY_VOID(check_name(name));
  Result<WanStatus> answer = fail(Errc::kCancelled, "stopped by the user");
  const auto path = socket_of(name);
  run_session([&](rt::Host& host, Wish&) { return ask_into(host, path, change, answer); });
  if (answer || answer.error().code != Errc::kNotFound) return answer;
  return fail(Errc::kNotFound, fmt::format("no WAN named '{}' runs: start one with 'sluice lab "
                                           "wan up --name {}'",
                                           name, name));
}

Error become_on_side(const std::string& name, const std::string& side,
                     std::vector<std::string> argv) {
  const auto status = change_wan(name, {});
  if (!status) return status.error();
  std::string names;
  for (const auto& each : status->sides) {
    if (each.name == side) return rt::become_in_namespace(each.netns, std::move(argv));
    names += (names.empty() ? "" : ", ") + each.name;
  }
  return {Errc::kNotFound, fmt::format("there is no side '{}', but {}", side, names)};
}

}  // namespace sluice::lab
