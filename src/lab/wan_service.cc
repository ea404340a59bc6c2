#include "lab/wan_service.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "rt/unix_socket.h"

namespace sluice::lab {
namespace {

constexpr const char* kFolder = "/run/sluice";

}  // namespace

std::string wan_socket_of(const std::string& name) {
  return fmt::format("{}/wan-{}.sock", kFolder, name);
}

Result<> check_wan_name(const std::string& name) {
  const auto is_fit = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  constexpr std::size_t kLengthMax = 64;
  if (!name.empty() && name.size() <= kLengthMax && std::ranges::all_of(name, is_fit)) return {};
  return fail(Errc::kRejected,
              "the name '" + name + "' is not made of letters, digits, '-' and '_'");
}

rt::Task<Result<std::string>> read_wan_line(rt::Stream& stream) {
  std::string line;
  std::array<char, 4096> part{};
  while (!line.ends_with('\n')) {
    if (line.size() > kWanLineBytesMax) co_return fail(Errc::kRejected, "a line is too long");
    CO_TRY(const auto count, co_await stream.read_some(part));
    line.append(part.data(), count);
  }
  co_return line;
}

Result<std::unique_ptr<WanService>> WanService::open(rt::Host& host, const WanOptions& options,
                                                     const WanChange& conditions) {
  TRY_VOID(check_wan_name(options.name));
  std::unique_ptr<WanService> made(new WanService(host));
  TRY(made->folder_, host.directory(kFolder));
  made->lock_name_ = "wan-" + options.name + ".lock";
  auto held = made->folder_->lock(made->lock_name_);
  if (!held) return fail(Errc::kBusy, "a WAN named '" + options.name + "' runs already");
  made->held_ = *std::move(held);
  TRY(made->listener_, rt::listen_unix(host.loop(), wan_socket_of(options.name)));
  TRY(made->ocean_, Ocean::make(host, options, conditions));
  made->tasks_.spawn(made->accept_all());
  return made;
}

rt::Task<void> WanService::stop() {
  (void)folder_->remove(lock_name_);
  listener_->close();
  tasks_.close();
  co_await tasks_.closed();
  co_await ocean_->stop();
}

rt::Task<void> WanService::accept_all() {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream) co_return;
    auto answering = answer(*std::move(stream));
    tasks_.spawn(std::move(answering));
  }
}

rt::Task<void> WanService::answer(std::unique_ptr<rt::Stream> stream) {
  const auto line = co_await read_wan_line(*stream);
  if (!line) co_return;
  const auto reply = to_line(changed(*line));
  (void)co_await stream->write(reply);
}

Result<WanStatus> WanService::changed(const std::string& line) {
  TRY(const auto change, parse_change(line));
  TRY_VOID(ocean_->change(change));
  return ocean_->status();
}

}  // namespace sluice::lab
