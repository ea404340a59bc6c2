#include "http/server.h"

#include <utility>

#include "base/check.h"

namespace sluice::http {
namespace {

// Closes the stream if its time runs out before it is restarted or goes.
class Deadline {
 public:
  Deadline(rt::Clock& clock, rt::Stream& stream, rt::Duration time)
      : clock_(clock), stream_(stream), time_(time), timer_(start()) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { clock_.cancel(timer_); }

  void restart() {
    clock_.cancel(timer_);
    timer_ = start();
  }

 private:
  rt::TimerId start() {
    return clock_.call_at(clock_.now() + time_, [this] { stream_.close(Errc::kTimedOut); });
  }

  rt::Clock& clock_;
  rt::Stream& stream_;
  rt::Duration time_;
  rt::TimerId timer_;
};

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

}  // namespace

void Server::get(std::string path, Handler handler) {
  CHECK(listener_ == nullptr);
  routes_[std::move(path)] = std::move(handler);
}

Result<base::Endpoint> Server::listen(const base::Endpoint& at,
                                      const std::optional<rt::TlsFiles>& tls) {
  CHECK(listener_ == nullptr);
  TRY(listener_, host_.network().listen(at, tls));
  gate_.spawn(accept_all());
  return listener_->local();
}

rt::Task<void> Server::accept_all() {
  while (true) {
    auto stream = co_await listener_->accept();
    if (!stream) co_return;
    if (gate_.is_closing()) co_return;
    gate_.spawn(serve(*std::move(stream)));
  }
}

rt::Task<void> Server::serve(std::unique_ptr<rt::Stream> stream) {
  open_.insert(stream.get());
  const auto ended = co_await converse(*stream);
  const bool is_odd = !ended && ended.error().code == Errc::kTimedOut;
  if (is_odd) log_.debug("HTTP client took too long", {{"client", stream->peer()}});
  open_.erase(stream.get());
}

rt::Task<Result<>> Server::converse(rt::Stream& stream) {
  Deadline deadline(host_.clock(), stream, limits_.exchange_time_max);
  if (open_.size() > limits_.connections_max) co_return co_await stream.write(kFull);
  Conversation conversation(routes_, limits_.request);
  const auto into = host_.read_buffer();
  while (!conversation.is_over()) {
    CO_TRY(const auto count, co_await stream.read_some(into));
    const auto answers = conversation.answer({into.data(), count});
    if (answers.empty()) continue;
    CO_TRY_VOID(co_await stream.write(answers));
    deadline.restart();
  }
  co_return Result<>{};
}

rt::Task<void> Server::stop() {
  gate_.close();
  if (listener_ != nullptr) listener_->close();
  for (auto* const stream : open_) stream->close();
  co_await gate_.closed();
}

Handler exposition(const base::Metrics& metrics) {
  return [&metrics](const Request&) {
    return Response{.status = 200,
                    .content_type = "text/plain; version=0.0.4; charset=utf-8",
                    .body = metrics.text()};
  };
}

}  // namespace sluice::http
