#include "lab/passage.h"

#include <utility>
#include <vector>

namespace sluice::lab {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;

}  // namespace

Result<std::unique_ptr<Passage>> Passage::open(rt::Host& host, std::uint16_t to) {
  std::unique_ptr<Passage> made(new Passage(host, to));
  TRY(made->listener_, host.network().listen({.host = "127.0.0.1", .port = 0}, std::nullopt));
  made->tasks_.spawn(made->accept_all());
  return made;
}

void Passage::Pair::close() const {
  near.close();
  far.close();
}

void Passage::cut() {
  is_cut_ = true;
  for (const auto* pair : open_) pair->close();
}

rt::Task<void> Passage::stop() {
  listener_->close();
  cut();
  tasks_.close();
  co_await tasks_.closed();
}

rt::Task<void> Passage::accept_all() {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream) co_return;
    if (is_cut_) continue;
    auto carrying = carry(*std::move(stream));
    tasks_.spawn(std::move(carrying));
  }
}

rt::Task<void> Passage::carry(std::unique_ptr<rt::Stream> near) {
  base::Endpoint at{.host = "127.0.0.1", .port = to_};
  auto& network = host_.network();
  rt::ConnectOptions how;
  const auto far = co_await network.connect(std::move(at), std::move(how));
  if (!far || is_cut_) co_return;
  const Pair pair{*near, **far};
  open_.insert(&pair);
  rt::Gate back(host_);
  back.spawn(pump(pair, pair.far, pair.near));
  co_await pump(pair, pair.near, pair.far);
  back.close();
  co_await back.closed();
  open_.erase(&pair);
}

rt::Task<void> Passage::pump(const Pair& pair, rt::Stream& from, rt::Stream& to) {
  std::vector<char> piece(kPieceBytes);
  for (;;) {
    const auto count = co_await from.read_some(piece);
    if (!count) break;
    const std::string_view bytes(piece.data(), *count);
    const auto written = co_await to.write(bytes);
    if (!written) break;
  }
  pair.close();
}

}  // namespace sluice::lab
