#include "keeper/client.h"

#include <utility>

namespace sluice::keeper {
namespace {

// A buffer that served one large request is not kept for the next small one.
constexpr std::size_t kKeptBytesMax = 16 * 1024;

}  // namespace

Client::Client(rt::Host& host, const View& view, Actor& actor, Peer peer,
               std::unique_ptr<rt::Stream> stream, ClientLimits limits)
    : host_(host),
      actor_(actor),
      id_(peer.id),
      address_(peer.address),
      stream_(std::move(stream)),
      limits_(limits),
      session_(view, std::move(peer), actor.moment()),
      reader_(session_.limits()),
      gate_(host),
      flushed_(host.loop(), host.clock()),
      last_heard_(host.clock().now()) {}

rt::Task<void> Client::run() {
  for (;;) {
    const auto count = co_await stream_->read_some(host_.read_buffer());
    if (!count) break;
    last_heard_ = host_.clock().now();
    input_.assign(host_.read_buffer().data(), *count);
    const auto answered = co_await answer_requests();
    if (!answered) break;
    if (input_.capacity() > kKeptBytesMax) std::string().swap(input_);
  }
  stream_->close();
  if (downstream_) downstream_->cancel();
  gate_.close();
  co_await gate_.closed();
  while (is_flushing_) co_await flushed_.wait();
}

void Client::close(Errc why) {
  stream_->close(why);
}

rt::Task<Result<>> Client::answer_requests() {
  reader_.feed(input_);
  std::uint64_t requests = 0;
  for (;;) {
    auto command = reader_.next();
    if (!command) {
      if (!session_.is_replica()) output_ += "-ERR " + command.error().detail + "\r\n";
      (void)co_await flush();
      co_return tl::unexpected(command.error());
    }
    if (!*command) break;
    ++requests;
    const auto outcome = session_.step(**command, actor_.moment());
    if (session_.is_subscribed()) actor_.begin_messages();
    reader_.set_limits(session_.limits());
    CO_TRY_VOID(co_await answer(outcome));
    if (outcome.close) {
      CO_TRY_VOID(co_await flush());
      co_return fail(Errc::kCancelled, "closed as asked");
    }
  }
  actor_.count_requests(requests, input_.size());
  co_return co_await flush();
}

rt::Task<Result<>> Client::answer(const Outcome& outcome) {
  for (const auto& piece : outcome.pieces) {
    if (!piece.action) {
      output_ += piece.reply;
      continue;
    }
    auto action = *piece.action;
    // What was answered before must not wait for an action that may take its time.
    if (!output_.empty() && std::holds_alternative<Wait>(action)) CO_TRY_VOID(co_await flush());
    const auto done = co_await actor_.carry_out(std::move(action), *this);
    output_ += session_.answer_to(piece, done);
  }
  co_return Result<>{};
}

// One write at a time: requests and published messages share the connection.
rt::Task<Result<>> Client::flush() {
  while (is_flushing_) co_await flushed_.wait();
  if (output_.empty()) co_return Result<>{};
  is_flushing_ = true;
  const auto bytes = std::exchange(output_, {});
  auto written = co_await stream_->write(bytes);
  is_flushing_ = false;
  flushed_.notify_all();
  co_return written;
}

rt::Task<void> Client::flush_message() {
  const auto written = co_await flush();
  if (!written) stream_->close();
}

bool Client::deliver(std::string_view channel, std::string_view message) {
  const auto text = session_.deliver(channel, message);
  if (text.empty()) return false;
  if (gate_.is_closing()) return false;
  output_ += text;
  if (output_.size() > limits_.output_bytes) {
    failure_ = "does not take its messages";
    stream_->close();
    return false;
  }
  if (!is_flushing_) gate_.spawn(flush_message());
  return true;
}

void Client::serve_replica(DownstreamShared& shared, DownstreamOptions options,
                           ReplicaRequest request) {
  CHECK(!downstream_);
  downstream_ = std::make_unique<Downstream>(shared, *stream_, options);
  gate_.spawn(run_downstream(std::move(request)));
}

rt::Task<void> Client::run_downstream(ReplicaRequest request) {
  const auto served = co_await flush();
  if (!served) {
    stream_->close();
    co_return;
  }
  const auto outcome = co_await downstream_->serve(std::move(request));
  if (!outcome) failure_ = outcome.error().detail;
  stream_->close();
}

ClientFacts Client::facts() const {
  auto facts = session_.facts();
  facts.output_bytes = output_.size() + stream_->unsent_bytes();
  return facts;
}

}  // namespace sluice::keeper
