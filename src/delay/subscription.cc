#include "delay/subscription.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "resp/reply_reader.h"
#include "resp/writer.h"

namespace sluice::delay {
namespace {

// A probe and a pong are short; a server that sends more is not what we asked for.
constexpr resp::ReplyLimits kReplyLimits{
    .bytes = 64U << 10, .elements = 64, .depth = 4, .line_bytes = 16U << 10};

std::optional<rt::Instant> instant_of(std::string_view text) {
  std::int64_t ns = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, ns);
  if (error != std::errc{} || end != last) return std::nullopt;
  return rt::Instant{rt::Duration(ns)};
}

std::string greeting(const base::RedisUrl& url, std::string_view channel) {
  std::string text;
  if (!url.password.empty() && url.user.empty()) resp::append_command(text, {"AUTH", url.password});
  if (!url.password.empty() && !url.user.empty()) {
    resp::append_command(text, {"AUTH", url.user, url.password});
  }
  resp::append_command(text, {"SUBSCRIBE", channel});
  return text;
}

}  // namespace

Subscription::Subscription(rt::Host& host, Options options, OnMessage on_message)
    : host_(host), options_(std::move(options)), on_message_(std::move(on_message)), gate_(host) {}

rt::Task<void> Subscription::run() {
  while (!gate_.is_closing()) {
    const auto listened = co_await listen();
    is_subscribed_ = false;
    if (!listened) failure_ = listened.error().detail;
    co_await gate_.sleep(options_.retry_pause);
  }
}

void Subscription::stop() {
  gate_.close();
  if (stream_ != nullptr) stream_->close();
}

rt::Task<Result<std::unique_ptr<rt::Stream>>> Subscription::connect() {
  rt::ConnectOptions how{.timeout = options_.client.connect_timeout, .tls = std::nullopt};
  if (options_.url.is_tls) how.tls = options_.client.tls;
  base::Endpoint to = options_.url.endpoint;
  if (options_.client.dial) co_return co_await options_.client.dial(std::move(to), std::move(how));
  auto& network = host_.network();
  co_return co_await network.connect(std::move(to), std::move(how));
}

rt::Task<Result<>> Subscription::listen() {
  CO_TRY(const auto stream, co_await connect());
  if (gate_.is_closing()) co_return fail(Errc::kCancelled, "stopping");
  stream_ = stream.get();
  last_heard_ = host_.clock().now();
  rt::Gate pings(host_);
  pings.spawn(ping(*stream, pings));
  auto ended = co_await read(*stream);
  stream->close();
  stream_ = nullptr;
  pings.close();
  co_await pings.closed();
  co_return ended;
}

rt::Task<Result<>> Subscription::read(rt::Stream& stream) {
  resp::ReplyReader replies(kReplyLimits);
  for (;;) {
    CO_TRY(const auto count, co_await stream.read_some(host_.read_buffer()));
    const auto now = host_.clock().now();
    replies.feed({host_.read_buffer().data(), count});
    for (;;) {
      CO_TRY(const auto reply, replies.next());
      if (!reply) break;
      CO_TRY_VOID(take(*reply, now));
    }
  }
}

// The only writer of the connection: what comes before the first ping goes with it.
rt::Task<void> Subscription::ping(rt::Stream& stream, rt::Gate& pings) {
  auto text = greeting(options_.url, options_.channel);
  for (bool goes_on = true; goes_on;) {
    const auto now = host_.clock().now();
    if (now - last_heard_ > options_.silence_max) {
      stream.close(Errc::kTimedOut);
      co_return;
    }
    resp::append_command(text, {"PING", std::to_string(now.since_start.count())});
    const auto written = co_await stream.write(text);
    if (!written) co_return;
    text.clear();
    goes_on = co_await pings.sleep(options_.ping_interval);
  }
}

// RESP2: what a subscriber is sent are arrays, a pong too.
Result<> Subscription::take(const resp::Reply& reply, rt::Instant at) {
  if (reply.is_error()) return fail(Errc::kRejected, reply.text);
  last_heard_ = at;
  const auto& elements = reply.elements;
  if (elements.size() == 2 && elements[0].text == "pong") {
    if (const auto sent = instant_of(elements[1].text)) round_trip_.observe(at - *sent);
    return {};
  }
  if (elements.size() != 3) return {};
  if (elements[0].text == "subscribe") {
    is_subscribed_ = true;
    failure_.clear();
  }
  if (elements[0].text == "message") on_message_(elements[2].text, at);
  return {};
}

}  // namespace sluice::delay
