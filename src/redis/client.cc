#include "redis/client.h"

#include <utility>

#include "resp/writer.h"
#include "rt/deadline.h"

namespace sluice::redis {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

void append(std::string& out, const Words& words) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  resp::append_command(out, views);
}

}  // namespace

Client::Client(rt::Host& host, std::unique_ptr<rt::Stream> stream, rt::Duration timeout)
    : host_(host),
      stream_(std::move(stream)),
      timeout_(timeout),
      turn_(host.loop(), host.clock()),
      read_(kReadBytes) {}

rt::Task<Result<std::unique_ptr<Client>>> Client::connect(rt::Host& host, base::RedisUrl url,
                                                          ClientOptions options) {
  rt::ConnectOptions how{.timeout = options.connect_timeout, .tls = std::nullopt};
  if (url.is_tls) how.tls = options.tls;
  how.inside = options.inside;
  if (!options.dial) {
    auto& network = host.network();
    options.dial = [&network](base::Endpoint at, rt::ConnectOptions with) {
      return network.connect(std::move(at), std::move(with));
    };
  }
  base::Endpoint to = url.endpoint;
  CO_TRY(auto stream, co_await options.dial(std::move(to), std::move(how)));
  std::unique_ptr<Client> client(new Client(host, std::move(stream), options.timeout));
  CO_TRY_VOID(co_await client->greet(std::move(url)));
  co_return client;
}

rt::Task<Result<>> Client::greet(base::RedisUrl url) {
  if (url.password.empty()) co_return Result<>();
  Words auth{"AUTH", url.password};
  if (!url.user.empty()) auth = Words{"AUTH", url.user, url.password};
  CO_TRY_VOID(co_await need(std::move(auth)));
  co_return Result<>();
}

rt::Task<Result<resp::Reply>> Client::call(Words words) {
  std::vector<Words> one;
  one.push_back(std::move(words));
  CO_TRY(auto replies, co_await pipeline(std::move(one)));
  co_return std::move(replies.front());
}

rt::Task<Result<resp::Reply>> Client::need(Words words) {
  const std::string name = words.front();
  CO_TRY(auto reply, co_await call(std::move(words)));
  if (reply.is_error()) co_return fail(Errc::kRejected, name + ": " + reply.text);
  co_return reply;
}

rt::Task<Result<std::vector<resp::Reply>>> Client::pipeline(std::vector<Words> commands) {
  if (ended_) co_return tl::unexpected(*ended_);
  const auto first = next_ticket_;
  next_ticket_ += commands.size();
  for (const auto& words : commands) append(unsent_, words);

  std::function<void()> give_up = [this] { stream_->close(Errc::kTimedOut); };
  const rt::Deadline deadline(host_.clock(), host_.clock().now() + timeout_, std::move(give_up));
  if (auto sent = co_await flush(); !sent) co_return tl::unexpected(end(std::move(sent).error()));
  while (!ended_ && next_reply_ != first) co_await turn_.wait();

  std::vector<resp::Reply> replies;
  while (!ended_ && replies.size() < commands.size()) {
    auto reply = co_await read_reply();
    if (!reply) co_return tl::unexpected(end(std::move(reply).error()));
    replies.push_back(*std::move(reply));
  }
  if (ended_) co_return tl::unexpected(*ended_);
  next_reply_ += commands.size();
  turn_.notify_all();
  co_return replies;
}

// One task writes for all: what the others add meanwhile leaves with its next write.
rt::Task<Result<>> Client::flush() {
  if (is_writing_) co_return Result<>();
  is_writing_ = true;
  Result<> outcome;
  while (outcome && !unsent_.empty()) {
    const std::string batch = std::exchange(unsent_, {});
    outcome = co_await stream_->write(batch);
  }
  is_writing_ = false;
  co_return outcome;
}

rt::Task<Result<resp::Reply>> Client::read_reply() {
  for (;;) {
    CO_TRY(auto value, replies_.next());
    if (value) co_return *std::move(value);
    CO_TRY(const auto count, co_await stream_->read_some(read_));
    replies_.feed({read_.data(), count});
  }
}

// The first failure is the one that everybody gets.
Error Client::end(Error why) {
  if (!ended_) ended_ = std::move(why);
  stream_->close(ended_->code);
  turn_.notify_all();
  return *ended_;
}

}  // namespace sluice::redis
