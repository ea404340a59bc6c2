#include "delay/node_poll.h"

#include <utility>

namespace sluice::delay {

NodePoll::NodePoll(rt::Host& host, Options options)
    : host_(host), options_(std::move(options)), gate_(host) {}

rt::Task<void> NodePoll::run() {
  while (!gate_.is_closing()) {
    (void)co_await follow();  // why a node does not answer is told by its Subscription
    facts_.reset();
    client_.reset();
    co_await gate_.sleep(options_.interval);
  }
}

void NodePoll::stop() {
  gate_.close();
  if (client_) client_->close();
}

rt::Task<Result<>> NodePoll::follow() {
  auto url = options_.url;
  auto how = options_.client;
  CO_TRY(client_, co_await redis::Client::connect(host_, std::move(url), std::move(how)));
  if (gate_.is_closing()) co_return Result<>();
  redis::Words config{"CONFIG", "GET", "retention-*"};
  CO_TRY(const auto settings, co_await client_->call(std::move(config)));
  retention_ = retention_of(settings);
  for (bool goes_on = true; goes_on;) {
    CO_TRY(facts_, co_await ask());
    speed_.observe(facts_->offset, host_.clock().now());
    goes_on = co_await gate_.sleep(options_.interval);
  }
  co_return Result<>();
}

// A Redis passes over the section that only keepers have; two calls, since Redis 6 takes one
// section at a time.
rt::Task<Result<NodeFacts>> NodePoll::ask() {
  std::vector<redis::Words> questions{{"INFO", "replication"}, {"INFO", "keeper"}};
  CO_TRY(const auto answers, co_await client_->pipeline(std::move(questions)));
  for (const auto& answer : answers) {
    if (answer.is_error()) co_return fail(Errc::kRejected, answer.text);
  }
  const auto info = redis::Info::parse(answers[0].text + "\r\n" + answers[1].text);
  co_return facts_of(info, retention_);
}

}  // namespace sluice::delay
