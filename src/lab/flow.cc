#include "lab/flow.h"

#include <cstring>
#include <utility>

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBlockBytes = 256 << 10;
constexpr auto kRetry = 100ms;

// Nothing that a relay could compress.
std::string random_block(rt::Host& host) {
  std::string block(kBlockBytes, '\0');
  for (std::size_t at = 0; at < block.size(); at += sizeof(std::uint64_t)) {
    const auto bits = host.random();
    std::memcpy(block.data() + at, &bits, sizeof bits);
  }
  return block;
}

}  // namespace

Result<base::Endpoint> Flow::listen(const Site& far, const std::string& address) {
  TRY_VOID(far.where.run([&]() -> Result<> {
    TRY(listener_, host_.network().listen({.host = address, .port = 0}, std::nullopt));
    return {};
  }));
  tasks_.spawn(accept());
  return listener_->local();
}

void Flow::send(const Site& near, Way way) {
  tasks_.spawn(emit(near, std::move(way)));
}

rt::Task<void> Flow::stop() {
  tasks_.close();
  if (listener_) listener_->close();
  if (source_) source_->close();
  for (auto& sink : sinks_) sink->close();
  co_await tasks_.closed();
}

rt::Task<void> Flow::accept() {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream || tasks_.is_closing()) co_return;
    sinks_.push_back(*std::move(stream));
    tasks_.spawn(receive(*sinks_.back()));
  }
}

rt::Task<void> Flow::receive(rt::Stream& stream) {
  for (;;) {
    const auto into = host_.read_buffer();
    const auto count = co_await stream.read_some(into);
    if (!count) co_return;
    received_ += *count;
  }
}

rt::Task<void> Flow::emit(const Site& near, Way way) {
  while (!tasks_.is_closing()) {
    (void)co_await pour(near, way);
    co_await tasks_.sleep(kRetry);
  }
}

rt::Task<Result<>> Flow::pour(const Site& near, Way way) {
  rt::ConnectOptions how;
  how.inside = &near.where;
  how.tuning.congestion_control = rt::CongestionControl(way.congestion);
  auto& network = host_.network();
  CO_TRY(source_, co_await network.connect(way.to, std::move(how)));
  if (tasks_.is_closing()) co_return Result<>();
  if (!way.route.empty()) {
    const auto line = "+PROXY ROUTE " + way.route + ";\r\n";
    CO_TRY_VOID(co_await source_->write(line));
  }
  const auto block = random_block(host_);
  for (;;) CO_TRY_VOID(co_await source_->write(block));
}

}  // namespace sluice::lab
