#include "lab/mesh_control.h"

#include <fmt/format.h>
#include <utility>

#include "lab/session.h"
#include "lab/wan_service.h"
#include "rt/unix_socket.h"

namespace sluice::lab {
namespace {

std::string socket_of(const std::string& name) {
  return "/tmp/sluice-lab-" + name + ".sock";
}

rt::Task<Result<std::string>> ask(rt::Host& host, std::string path, std::string request) {
  CO_TRY(const auto stream, rt::connect_unix(host.loop(), path));
  CO_TRY_VOID(co_await stream->write(request));
  CO_TRY(auto line, co_await read_wan_line(*stream));
  line.pop_back();
  if (line.starts_with('-')) co_return fail(Errc::kRejected, line.substr(1));
  co_return line;
}

rt::Task<int> ask_into(rt::Host& host, const std::string& path, const std::string& request,
                       Result<std::string>& answer) {
  answer = co_await ask(host, path, request);
  co_return 0;
}

}  // namespace

Result<std::unique_ptr<MeshControl>> MeshControl::open(rt::Host& host, const std::string& name,
                                                       Obey obey) {
  TRY_VOID(check_wan_name(name));
  if (const auto other = rt::connect_unix(host.loop(), socket_of(name))) {
    return fail(Errc::kBusy, "a lab named '" + name + "' runs already: give this one a --name");
  }
  std::unique_ptr<MeshControl> made(new MeshControl(host, std::move(obey)));
  TRY(made->listener_, rt::listen_unix(host.loop(), socket_of(name)));
  made->tasks_.spawn(made->accept_all());
  return made;
}

rt::Task<void> MeshControl::stop() {
  listener_->close();
  tasks_.close();
  co_await tasks_.closed();
}

rt::Task<void> MeshControl::accept_all() {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream) co_return;
    auto answering = answer(*std::move(stream));
    tasks_.spawn(std::move(answering));
  }
}

rt::Task<void> MeshControl::answer(std::unique_ptr<rt::Stream> stream) {
  auto line = co_await read_wan_line(*stream);
  if (!line) co_return;
  line->pop_back();
  const auto space = line->find(' ');
  std::string order = line->substr(0, space);
  std::string region = space == std::string::npos ? "" : line->substr(space + 1);
  const auto outcome = co_await obey_(std::move(order), std::move(region));
  const std::string reply = (outcome ? *outcome : "-" + outcome.error().detail) + "\n";
  (void)co_await stream->write(reply);
}

Result<std::string> tell_mesh(const std::string& name, const std::string& order,
                              const std::string& region) {
  TRY_VOID(check_wan_name(name));
  Result<std::string> answer = fail(Errc::kCancelled, "stopped by the user");
  const auto path = socket_of(name);
  const std::string request = order + " " + region + "\n";
  run_session([&](rt::Host& host, Wish&) { return ask_into(host, path, request, answer); });
  if (answer || answer.error().code != Errc::kNotFound) return answer;
  return fail(Errc::kNotFound,
              fmt::format("no lab named '{}' runs: start one with 'sluice lab up --regions 3 "
                          "--active-active'",
                          name));
}

}  // namespace sluice::lab
