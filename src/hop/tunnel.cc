#include "hop/tunnel.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "hop/connection.h"
#include "rt/descriptor.h"

namespace sluice::hop {

namespace {

using tunnel::Time;

// Calls served at once before a task lets others run.
constexpr int kServedMax = 16;
// How long a tunnel that is ending may take to say so.
constexpr Time kFarewell = std::chrono::seconds(1);
constexpr int kRefusedMax = 6;         // doublings of the wait for the next try
constexpr std::size_t kProbesMax = 4;  // connections being tried at a time

}  // namespace

Tunnel::Tunnel(rt::Host& host, rt::Gate& gate, tunnel::Side side, const tunnel::Limits& limits)
    : host_(host),
      gate_(gate),
      side_(side),
      limits_(limits),
      session_(side, limits, host.clock().now().since_start),
      readable_(host.loop(), host.clock()),
      writable_(host.loop(), host.clock()),
      answered_(host.loop(), host.clock()) {}

Tunnel::~Tunnel() {
  CHECK(connections_.empty());
  if (timer_) host_.clock().cancel(*timer_);
}

void Tunnel::adopt(std::unique_ptr<rt::Stream> connection, tunnel::StripeNumber number,
                   std::string_view rest) {
  if (dials_ > 0) --dials_;
  if (peer_.empty()) {
    peer_ = connection->peer();
    local_ = connection->local();
  }
  const bool is_late = session_.failure() || is_over_ || gate_.is_closing();
  if (is_late || session_.has_stripe(number) || connections_.size() >= tunnel::kStripesMax) {
    connection->close();
    pump();
    return;
  }
  auto& added = *connections_.emplace_back(
      std::make_unique<Connection>(std::move(connection), number, host_));
  if (unsent_low_ == 0) unsent_low_ = unsent_low();
  added.stream->set_unsent_low(unsent_low_);
  session_.add_stripe(number, now());
  gate_.spawn(run_reader(added));
  gate_.spawn(run_writer(added));
  if (auto taken = session_.receive(number, rest, now()); !taken) {
    session_.reset(tunnel::to_answer(taken.error(), local_));
  }
  pump();
}

// --- tasks ----------------------------------------------------------------------------------------

rt::Task<void> Tunnel::run_reader(Connection& connection) {
  while (!connection.is_dead) {
    const auto count = co_await connection.stream->read_some(host_.read_buffer());
    if (!count || connection.is_dead) break;
    connection.was_heard = true;
    refused_in_row_ = 0;
    const std::string_view bytes(host_.read_buffer().data(), *count);
    const auto taken = session_.receive(connection.number, bytes, now());
    if (!taken) {
      session_.reset(tunnel::to_answer(taken.error(), local_));
      pump();
      break;
    }
    pump();
  }
  // What is still to be said on a tunnel that failed is the writer's to finish.
  if (!session_.failure()) drop(connection);
  task_ended(connection);
}

rt::Task<void> Tunnel::run_writer(Connection& connection) {
  while (!connection.is_dead) {
    const auto wire = session_.next(connection.number, now());
    if (!wire) {
      if (session_.failure()) break;
      connection.is_idle = true;
      co_await connection.work.wait();
      connection.is_idle = false;
      continue;
    }
    pump();
    const auto written = co_await connection.stream->write(*wire);
    if (!written) break;
  }
  drop(connection);
  task_ended(connection);
}

void Tunnel::drop(Connection& connection) {
  if (connection.is_dead) return;
  connection.is_dead = true;
  connection.stream->close();
  session_.remove_stripe(connection.number, now());
  connection.work.notify_all();
  if (!connection.was_heard) wait_to_dial();
  fail_if_unanswerable();
}

// Before the answer there is one connection and no other is made: without it, none will come.
void Tunnel::fail_if_unanswerable() {
  if (side_ != tunnel::Side::kDialer || session_.answered() || session_.failure()) return;
  const bool is_alone = std::ranges::all_of(connections_, [](const auto& c) { return c->is_dead; });
  if (is_alone) session_.fail_with({Errc::kDisconnected, "ended before it answered the route"});
}

// A connection that was taken and ended at once was refused. To try again at once would not help.
void Tunnel::wait_to_dial() {
  refused_in_row_ = std::min(refused_in_row_ + 1, kRefusedMax);
  const auto wait = limits_.probe_interval * (1 << refused_in_row_);
  dial_after_ = std::max(dial_after_, rt::Instant{now() + wait});
}

void Tunnel::task_ended(Connection& connection) {
  if (--connection.tasks == 0) {
    std::erase_if(connections_, [&](const auto& held) { return held.get() == &connection; });
  }
  pump();
}

// --- what the session asks for --------------------------------------------------------------------

void Tunnel::pump() {
  if (is_over_) return;
  const Time at = now();
  session_.tick(at);
  close_doomed(at);
  see_to_end(at);
  if (is_over_) return;
  wake_writers(at);
  if (session_.is_readable() || session_.has_ended() || session_.failure()) readable_.notify_all();
  if (session_.is_writable() || session_.failure()) writable_.notify_all();
  if (session_.answered() || session_.failure()) answered_.notify_all();
  ask_for_stripes(at);
  make_room(at);
  catch_up(at);
  arm_timer(at);
}

void Tunnel::close_doomed(Time) {
  for (const auto number : session_.stripes_to_close()) {
    for (const auto& connection : connections_) {
      if (connection->number == number) drop(*connection);
    }
  }
}

// Control goes by the stripe it belongs to. Payload goes by any, in turn, so one writer at a time is
// woken for it; when that has taken a frame and there is more, it wakes the next.
void Tunnel::wake_writers(Time at) {
  const std::size_t count = connections_.size();
  const std::size_t first = turn_;
  bool is_payload_seen_to = false;
  for (std::size_t step = 0; step < count; ++step) {
    auto& connection = *connections_[(first + step) % count];
    if (!connection.is_idle) continue;
    const bool has_control = session_.has_control(connection.number, at) || session_.failure();
    if (!has_control) {
      if (is_payload_seen_to || !session_.has_work(connection.number, at)) continue;
      is_payload_seen_to = true;
      turn_ = (first + step + 1) % count;
    }
    connection.is_idle = false;
    connection.work.notify_all();
  }
}

void Tunnel::arm_timer(Time at) {
  // What is due by now has been seen to.
  Time next = session_.deadline(at);
  if (end_by_ && *end_by_ > at) next = std::min(next, *end_by_);
  const Time dial_at = dial_after_.since_start;
  if (hooks_.more_stripes && wants_stripes() && dial_at > at) next = std::min(next, dial_at);
  // One that is too early costs a look; one set anew after every frame would cost more.
  if (timer_ && timer_at_ <= next) return;
  if (timer_) host_.clock().cancel(*timer_);
  timer_.reset();
  timer_at_ = next;
  if (next == Time::max()) return;
  timer_ = host_.clock().call_at(rt::Instant{next}, [this] {
    timer_.reset();
    timer_at_ = Time::max();
    pump();
  });
}

// Closed here and all delivered, or failed: says so on every stripe, and is over when they are gone.
void Tunnel::see_to_end(Time at) {
  if (closed_ && !session_.failure()) {
    const bool is_late = end_by_ && at >= *end_by_;
    if (session_.is_delivered() || is_late) {
      session_.reset({tunnel::AnswerCode::kGone, local_, "closed"});
      end_by_ = at + kFarewell;
    }
  }
  if (!session_.failure()) return;
  if (!end_by_ || *end_by_ > at + kFarewell) end_by_ = at + kFarewell;
  if (at >= *end_by_) {
    // drop() wakes tasks and does not erase.
    for (const auto& connection : connections_) drop(*connection);
  }
  if (!is_let_go_ || !connections_.empty() || dials_ > 0) return;
  is_over_ = true;
  if (timer_) host_.clock().cancel(*std::exchange(timer_, std::nullopt));
  readable_.notify_all();
  writable_.notify_all();
  answered_.notify_all();
  if (hooks_.over) hooks_.over();
}

// --- stripes ----------------------------------------------------------------------------------------

bool Tunnel::wants_stripes() const {
  if (side_ != tunnel::Side::kDialer || closed_ || session_.failure()) return false;
  const auto& answer = session_.answered();
  if (!answer || !answer->is_ok()) return false;
  if (session_.wants_probe()) return dials_ < kProbesMax;
  return connections_.size() + dials_ < session_.stripes_wanted();
}

bool Tunnel::is_silent() const {
  return !is_over_ && session_.answered() && session_.silent_for(now()) >= limits_.silence_suspect;
}

void Tunnel::ask_for_stripes(Time at) {
  if (hooks_.silent && is_silent()) hooks_.silent();
  while (hooks_.more_stripes && wants_stripes() && at >= dial_after_.since_start) {
    if (session_.wants_probe()) dial_after_ = rt::Instant{at + limits_.probe_interval};
    ++dials_;
    hooks_.more_stripes();
  }
}

void Tunnel::dial_failed(const Error& why, bool is_refused) {
  CHECK(dials_ > 0);
  --dials_;
  if (!session_.wants_probe()) {
    dial_after_ = std::max(dial_after_, rt::Instant{now() + limits_.probe_interval});
  }
  if (is_refused && connections_.empty()) session_.fail_with(why);
  pump();
}

// --- the stream -------------------------------------------------------------------------------------

tl::unexpected<Error> Tunnel::ended() {
  if (closed_) return tl::unexpected<Error>(*closed_);
  if (session_.has_ended()) {
    Error end{Errc::kDisconnected, peer_ + ": end of stream"};
    close(Errc::kDisconnected);
    return tl::unexpected<Error>(std::move(end));
  }
  const Error& why = *session_.failure();
  return fail(why.code, peer_ + ": " + why.detail);
}

rt::Task<Result<std::size_t>> Tunnel::read(std::span<char> into, AtEnd at_end) {
  CHECK(!into.empty());
  if (++served_ >= kServedMax) {
    served_ = 0;
    co_await rt::yield_to(host_.loop());
  }
  while (!closed_ && !session_.is_readable() && !session_.has_ended() && !session_.failure()) {
    served_ = 0;
    co_await readable_.wait();
  }
  const bool is_end = !closed_ && !session_.is_readable() && session_.has_ended();
  if (is_end && at_end == AtEnd::kGiveZero) co_return std::size_t{0};
  if (closed_ || !session_.is_readable()) co_return ended();
  auto count = session_.read(into, now());
  pump();
  co_return count;
}

rt::Task<Result<>> Tunnel::write(std::string_view bytes) {
  if (++served_ >= kServedMax) {
    served_ = 0;
    co_await rt::yield_to(host_.loop());
  }
  for (;;) {
    if (closed_ || session_.failure()) co_return ended();
    const auto taken = session_.write(bytes, now());
    bytes.remove_prefix(taken);
    if (taken > 0) pump();
    if (bytes.empty()) co_return Result<>{};
    if (session_.is_writable()) continue;
    served_ = 0;
    co_await writable_.wait();
  }
}

Result<std::size_t> Tunnel::write_now(std::string_view bytes) {
  if (closed_ || session_.failure()) return ended();
  const auto taken = session_.write(bytes, now());
  if (taken > 0) pump();
  return taken;
}

Result<> Tunnel::end_writes() {
  if (closed_ || session_.failure()) return ended();
  session_.finish(now());
  pump();
  return {};
}

std::optional<rt::TcpFigures> Tunnel::figures() const {
  std::optional<rt::TcpFigures> total;
  for (const auto& connection : connections_) {
    const auto one = connection->stream->figures();
    if (!one) continue;
    if (!total) {
      total = one;
      continue;
    }
    total->rtt = std::max(total->rtt, one->rtt);
    total->rtt_var = std::max(total->rtt_var, one->rtt_var);
    total->rtt_min = std::min(total->rtt_min, one->rtt_min);
    total->retransmits += one->retransmits;
    total->delivery_bytes_s += one->delivery_bytes_s;
    total->cwnd_bytes += one->cwnd_bytes;
    total->unacked_bytes += one->unacked_bytes;
    total->unsent_bytes += one->unsent_bytes;
    total->acked_bytes += one->acked_bytes;
    total->received_bytes += one->received_bytes;
  }
  return total;
}

rt::Task<Result<std::size_t>> Tunnel::send_file(const rt::File& file, std::uint64_t at,
                                                std::size_t count) {
  CHECK(count > 0);
  if (++served_ >= kServedMax) {
    served_ = 0;
    co_await rt::yield_to(host_.loop());
  }
  while (!closed_ && !session_.failure() && !session_.is_writable()) {
    served_ = 0;
    co_await writable_.wait();
  }
  if (closed_ || session_.failure()) co_return ended();
  const auto buffer = host_.read_buffer();
  const auto piece = buffer.first(std::min({count, buffer.size(), session_.room()}));
  CO_TRY(const auto got, file.read_at(at, piece));
  if (got == 0) co_return fail(Errc::kCorrupt, "file ends before byte " + std::to_string(at));
  const auto taken = session_.write({piece.data(), got}, now());
  CHECK(taken == got);
  pump();
  co_return got;
}

void Tunnel::close(Errc why) {
  if (closed_) return;
  closed_ = Error{why, peer_ + ": closed by us"};
  session_.finish(now());
  end_by_ = now() + limits_.linger;
  readable_.notify_all();
  writable_.notify_all();
  pump();
}

void Tunnel::let_go() {
  is_let_go_ = true;
  close(Errc::kCancelled);
  pump();
}

void Tunnel::answer(const tunnel::Answer& answer) {
  session_.answer(answer);
  pump();
}

rt::Task<Result<>> Tunnel::answered(rt::Instant deadline) {
  while (!session_.answered() && !session_.failure() && !closed_) {
    const bool in_time = co_await answered_.wait_until(deadline);
    if (!in_time) co_return fail(Errc::kTimedOut, peer_ + " did not answer the route in time");
  }
  if (session_.failure()) co_return tl::unexpected<Error>(*session_.failure());
  if (closed_) co_return tl::unexpected<Error>(*closed_);
  co_return Result<>{};
}

void Tunnel::abort(const tunnel::Answer& why) {
  session_.reset(why);
  if (!closed_) closed_ = tunnel::to_error(why);
  pump();
}

}  // namespace sluice::hop
