#include "sim/connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "rt/tap.h"
#include "sim/machine.h"
#include "sim/network.h"

namespace sluice::sim {

namespace {
constexpr std::size_t kPieceMax = 16 * 1024;
constexpr std::size_t kFilePieceMax = 64 * 1024;
}  // namespace

// Reads the stream of a side as long as there is one.
class Connection::Tap : public rt::Tap {
 public:
  Tap(std::shared_ptr<Connection> connection, int side)
      : connection_(std::move(connection)), side_(side) {}
  std::size_t read_now(std::span<char> into) override;

 private:
  std::shared_ptr<Connection> connection_;
  int side_;
};

class Connection::Stream : public rt::Stream, public rt::Tappable, public Mortal {
 public:
  Stream(std::shared_ptr<Connection> connection, int side)
      : connection_(std::move(connection)), side_(side), host_(*connection_->end(side).host) {
    connection_->streams_[index(side)] = this;
    connection_->was_opened_[index(side)] = true;
    host_.add(*this);
    if (!host_.is_alive()) die();
  }
  ~Stream() override {
    close(Errc::kCancelled);
    connection_->streams_[index(side_)] = nullptr;
    host_.remove(*this);
  }

  rt::Task<Result<std::size_t>> read_some(std::span<char> into) override;
  rt::Task<Result<std::size_t>> read_or_end(std::span<char> into) override;
  rt::Task<Result<>> write(std::string_view bytes) override;
  Result<std::size_t> write_now(std::string_view bytes) override {
    if (closed_) return closed_error();
    const auto count = std::min({bytes.size(), room(), kPieceMax});
    if (count > 0) connection_->send(side_, std::string(bytes.substr(0, count)), false);
    return count;
  }
  rt::Task<Result<std::size_t>> send_file(const rt::File& file, std::uint64_t at,
                                          std::size_t count) override;

  rt::Task<Result<>> end_writes() override {
    if (closed_) co_return closed_error();
    connection_->send(side_, "", true);
    co_return Result<>{};
  }

  // Unread bytes make it a reset, as with TCP.
  void close(Errc why) override {
    if (closed_) return;
    const bool has_unread = connection_->way_to(side_).readable() > 0;
    end(why, "closed by us");
    if (has_unread) {
      connection_->send_reset(1 - side_);
    } else {
      connection_->send(side_, "", true);
    }
  }

  // A killed process's sockets are closed by its kernel; without power nothing is said.
  void die() override {
    if (closed_) return;
    if (host_.machine().has_power()) {
      close(Errc::kCancelled);
    } else {
      end(Errc::kCancelled, "the process has crashed");
    }
  }

  std::string peer() const override { return to_string(connection_->end(1 - side_).address); }
  std::string local() const override { return to_string(connection_->end(side_).address); }
  std::uint64_t unsent_bytes() const override {
    return closed_ ? 0 : connection_->way_to(1 - side_).unarrived;
  }

  std::unique_ptr<rt::Tap> tap() override { return std::make_unique<Tap>(connection_, side_); }

  bool is_open() const { return !closed_; }
  std::size_t take(std::span<char> into);

  void end(Errc why, const std::string& what) {
    if (closed_) return;
    closed_ = Error{why, peer() + ": " + what};
    wake_reader();
    wake_writer();
  }
  void wake_reader() {
    if (reader_.is_occupied()) reader_.resume(host_.loop());
  }
  void wake_writer() {
    if (writer_.is_occupied()) writer_.resume(host_.loop());
  }

 private:
  tl::unexpected<Error> closed_error() const { return tl::unexpected<Error>(*closed_); }
  std::size_t room() {
    const auto& way = connection_->way_to(1 - side_);
    return way.window - std::min(way.window, way.outstanding);
  }

  std::shared_ptr<Connection> connection_;
  int side_;
  Host& host_;
  std::optional<Error> closed_;
  rt::Parked reader_;
  rt::Parked writer_;
};

rt::Task<Result<std::size_t>> Connection::Stream::read_some(std::span<char> into) {
  const auto got = co_await read_or_end(into);
  if (!got || *got > 0) co_return got;
  close(Errc::kDisconnected);
  closed_->detail = peer() + ": end of stream";
  co_return closed_error();
}

rt::Task<Result<std::size_t>> Connection::Stream::read_or_end(std::span<char> into) {
  CHECK(!into.empty());
  auto& way = connection_->way_to(side_);
  while (!closed_ && way.readable() == 0 && !way.has_ended) co_await reader_.park();
  if (closed_) co_return closed_error();
  co_return take(into);
}

std::size_t Connection::Stream::take(std::span<char> into) {
  auto& way = connection_->way_to(side_);
  auto count = std::min(way.readable(), into.size());
  if (closed_ || count == 0) return 0;
  auto& random = host_.world().random();
  if (count > 1 && random.one_in(8)) count = random.between(1, count);
  way.arrived.copy(into.data(), count, way.read);
  way.read += count;
  way.outstanding -= count;
  if (way.read == way.arrived.size()) {
    way.arrived.clear();
    way.read = 0;
  }
  if (auto* writer = connection_->streams_[index(1 - side_)]) writer->wake_writer();
  return count;
}

std::size_t Connection::Tap::read_now(std::span<char> into) {
  auto* const stream = connection_->streams_[index(side_)];
  return stream == nullptr ? 0 : stream->take(into);
}

rt::Task<Result<>> Connection::Stream::write(std::string_view bytes) {
  for (;;) {
    if (closed_) co_return closed_error();
    if (bytes.empty()) break;
    const auto count = std::min({bytes.size(), room(), kPieceMax});
    if (count == 0) {
      co_await writer_.park();
      continue;
    }
    connection_->send(side_, std::string(bytes.substr(0, count)), false);
    bytes.remove_prefix(count);
  }
  // As with the real one, others may run before the writer learns that it has written.
  auto& world = host_.world();
  if (world.random().one_in(8)) co_await world.sleep(std::chrono::microseconds(20));
  co_return Result<>{};
}

rt::Task<Result<std::size_t>> Connection::Stream::send_file(const rt::File& file, std::uint64_t at,
                                                            std::size_t count) {
  CHECK(count > 0);
  while (!closed_ && room() == 0) co_await writer_.park();
  if (closed_) co_return closed_error();
  std::string bytes(std::min({count, room(), kFilePieceMax}), '\0');
  CO_TRY(const auto got, file.read_at(at, bytes));
  if (got == 0) co_return fail(Errc::kCorrupt, "file ends before byte " + std::to_string(at));
  bytes.resize(got);
  connection_->send(side_, std::move(bytes), false);
  co_return got;
}

Connection::Connection(Network& network, std::uint64_t number, std::array<End, 2> ends)
    : network_(network), number_(number), ends_(std::move(ends)) {
  for (const int to : {0, 1}) {
    way_to(to).window = network.link(*end(1 - to).machine, *end(to).machine).window_bytes;
  }
}

std::unique_ptr<rt::Stream> Connection::open(int side) {
  return std::make_unique<Stream>(shared_from_this(), side);
}

void Connection::send(int from, std::string bytes, bool is_end) {
  const int to = 1 - from;
  auto& way = way_to(to);
  const auto now = network_.world().now();
  const auto& link = network_.link(*end(from).machine, *end(to).machine);
  way.line_free = std::max(way.line_free, now);
  if (link.bytes_per_second > 0) {
    const auto nanoseconds = bytes.size() * 1'000'000'000 / link.bytes_per_second;
    way.line_free = way.line_free + rt::Duration(static_cast<std::int64_t>(nanoseconds));
  }
  auto arrives = way.line_free + network_.travel_time(*end(from).machine, *end(to).machine);
  if (!way.flying.empty()) arrives = std::max(arrives, way.flying.back().arrives);
  way.outstanding += bytes.size();
  way.unarrived += bytes.size();
  way.flying.push_back({arrives, std::move(bytes), is_end});
  arm(to);
}

void Connection::arm(int to) {
  auto& way = way_to(to);
  if (way.is_armed || way.flying.empty()) return;
  way.is_armed = true;
  auto self = shared_from_this();
  network_.world().timers().add(way.flying.front().arrives, [self, to] {
    self->way_to(to).is_armed = false;
    self->deliver(to);
  });
}

void Connection::deliver(int to) {
  auto& way = way_to(to);
  auto& world = network_.world();
  if (network_.is_cut(*end(1 - to).machine, *end(to).machine)) return;  // resume() comes
  if (!end(to).machine->has_power()) return;                            // peer_forgot() comes
  while (!way.flying.empty() && way.flying.front().arrives <= world.now()) {
    auto piece = std::move(way.flying.front());
    way.flying.pop_front();
    way.unarrived -= piece.bytes.size();
    world.note('>', number_ * 2 + index(to), piece.bytes.size());
    Stream* stream = streams_[index(to)];
    const bool is_gone = was_opened_[index(to)] && (stream == nullptr || !stream->is_open());
    if (is_gone) {
      if (!piece.is_end) send_reset(1 - to);
      continue;
    }
    way.arrived += piece.bytes;
    way.has_ended = way.has_ended || piece.is_end;
    if (stream != nullptr) stream->wake_reader();
  }
  arm(to);
}

void Connection::send_reset(int to) {
  auto self = shared_from_this();
  auto& world = network_.world();
  const auto takes = network_.travel_time(*end(1 - to).machine, *end(to).machine);
  world.timers().add(world.now() + takes, [self, to] {
    if (self->network_.is_cut(*self->end(1 - to).machine, *self->end(to).machine)) return;
    self->fail_side(to, Errc::kDisconnected, "connection reset by peer");
  });
}

void Connection::fail_side(int side, Errc why, const std::string& what) {
  if (Stream* stream = streams_[index(side)]) stream->end(why, what);
  way_to(side).has_ended = true;
  way_to(1 - side).flying.clear();
}

void Connection::reset() {
  network_.world().note('R', number_, 0);
  for (const int side : {0, 1}) fail_side(side, Errc::kDisconnected, "connection reset by peer");
}

void Connection::resume() {
  auto& world = network_.world();
  for (const int to : {0, 1}) {
    auto& way = way_to(to);
    if (way.flying.empty()) continue;
    const auto again = world.now() + network_.travel_time(*end(1 - to).machine, *end(to).machine);
    for (auto& piece : way.flying) piece.arrives = std::max(piece.arrives, again);
    arm(to);
  }
}

void Connection::peer_forgot(int side) {
  if (end(side).host->is_alive()) return;
  if (way_to(side).outstanding == 0) return;
  way_to(side).flying.clear();
  send_reset(1 - side);
}

}  // namespace sluice::sim
