#include "lab/wan.h"

#include <cstdio>
#include <fmt/format.h>
#include <utility>

#include "lab/session.h"
#include "lab/wan_service.h"
#include "rt/unix_socket.h"

namespace sluice::lab {
namespace {

// --- the server ----------------------------------------------------------------------------------

rt::Task<int> serve(rt::Host& host, Wish& wish, const WanOptions& options,
                    const WanChange& conditions) {
  const auto service = WanService::open(host, options, conditions);
  if (!service) {
    std::fprintf(stderr, "sluice lab wan: %s\n", service.error().detail.c_str());
    co_return 1;
  }
  std::fputs((to_text((*service)->ocean().status()) + "ready\n").c_str(), stdout);
  std::fflush(stdout);
  const bool is_limited = options.run_for > rt::Duration{0};
  const rt::Duration life = is_limited ? options.run_for : std::chrono::hours(24 * 365);
  co_await wish.sleep(life);
  co_await (*service)->stop();
  co_return 0;
}

// --- the client ----------------------------------------------------------------------------------

rt::Task<Result<WanStatus>> ask(rt::Host& host, std::string path, std::string request) {
  CO_TRY(const auto stream, rt::connect_unix(host.loop(), path));
  CO_TRY_VOID(co_await stream->write(request));
  CO_TRY(const auto line, co_await read_wan_line(*stream));
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
  TRY_VOID(check_wan_name(name));
  Result<WanStatus> answer = fail(Errc::kCancelled, "stopped by the user");
  const auto path = wan_socket_of(name);
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
