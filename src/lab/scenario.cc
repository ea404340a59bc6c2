#include "lab/scenario.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <fmt/format.h>
#include <utility>

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookInterval = 50ms;

void print(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

void Scenario::title(std::string_view text) {
  print(fmt::format("\n== {}", text));
}

void Scenario::say(std::string_view text) {
  print(fmt::format("{:6.1f}s  {}", seconds(), text));
}

void Scenario::expect(bool is_so, std::string_view what) {
  if (!is_so) ++failures_;
  print(fmt::format("{:6.1f}s  {} {}", seconds(), is_so ? "ok    " : "FAILED", what));
}

double Scenario::seconds() const {
  return std::chrono::duration<double>(world_.host().clock().now() - started_).count();
}

rt::Task<Result<>> Scenario::pause(rt::Duration time) {
  const bool may_go_on = co_await wish_.sleep(time);
  if (!may_go_on) co_return fail(Errc::kCancelled, "stopped by the user");
  co_return Result<>();
}

rt::Task<Result<double>> Scenario::until(Server& server, Predicate holds, std::string what) {
  auto& clock = world_.host().clock();
  const auto start = clock.now();
  while (clock.now() - start < patience_) {
    const auto info = co_await world_.info(server);
    if (info && holds(*info)) {
      co_return std::chrono::duration<double>(clock.now() - start).count();
    }
    CO_TRY_VOID(co_await pause(kLookInterval));
  }
  co_return fail(Errc::kTimedOut, server.name() + ": " + what);
}

std::optional<double> metric_value(std::string_view exposition, std::string_view name) {
  while (!exposition.empty()) {
    const auto end = std::min(exposition.find('\n'), exposition.size());
    const auto line = exposition.substr(0, end);
    exposition.remove_prefix(std::min(end + 1, exposition.size()));
    if (!line.starts_with(name) || line.size() == name.size()) continue;
    if (line[name.size()] != '{' && line[name.size()] != ' ') continue;
    const auto number = line.substr(line.rfind(' ') + 1);
    double value = 0;
    const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc()) return value;
  }
  return std::nullopt;
}

rt::Task<Result<double>> metric_of(World& world, Server& keeper, std::string name) {
  CO_TRY(const auto stream, co_await world.dial(keeper, keeper.metrics_port()));
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n";
  CO_TRY_VOID(co_await stream->write(request));
  std::string page;
  std::array<char, 16384> part{};
  for (;;) {
    const auto count = co_await stream->read_some(part);
    if (!count) break;
    page.append(part.data(), *count);
  }
  const auto value = metric_value(page, name);
  if (!value) co_return fail(Errc::kNotFound, "no metric " + name);
  co_return *value;
}

}  // namespace sluice::lab
