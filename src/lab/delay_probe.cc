#include "lab/delay_probe.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "resp/reply_reader.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

constexpr auto kInterval = 10ms;
constexpr auto kRetry = 100ms;
constexpr const char* kChannel = "lab:delay";
constexpr std::size_t kArrivalsMax = 12'000;  // two minutes' worth

}  // namespace

void DelayProbe::publish_on(Server& source) {
  tasks_.spawn(publish(source));
}

const DelayProbe::Place& DelayProbe::watch(Server& server, const Place* before) {
  auto& place = places_.emplace_back();
  place.server_ = &server;
  place.before_ = before;
  tasks_.spawn(listen(place));
  return place;
}

rt::Task<void> DelayProbe::stop() {
  tasks_.close();
  for (auto& place : places_) {
    if (place.stream_) place.stream_->close();
  }
  co_await tasks_.closed();
}

rt::Task<void> DelayProbe::publish(Server& source) {
  while (!tasks_.is_closing()) {
    (void)co_await publish_steadily(source);
    co_await tasks_.sleep(kRetry);
  }
}

rt::Task<Result<>> DelayProbe::publish_steadily(Server& source) {
  CO_TRY(const auto client, co_await world_.connect(source));
  while (!tasks_.is_closing()) {
    const auto now = world_.host().clock().now().since_start;
    redis::Words words{"PUBLISH", kChannel, std::to_string(now.count())};
    CO_TRY_VOID(co_await client->need(std::move(words)));
    co_await tasks_.sleep(kInterval);
  }
  co_return Result<>();
}

rt::Task<void> DelayProbe::listen(Place& place) {
  while (!tasks_.is_closing()) {
    (void)co_await subscribe(place);
    co_await tasks_.sleep(kRetry);
  }
}

rt::Task<Result<>> DelayProbe::subscribe(Place& place) {
  CO_TRY(place.stream_, co_await world_.dial(*place.server_, place.server_->port()));
  if (tasks_.is_closing()) co_return Result<>();
  const std::string subscribe = std::string("SUBSCRIBE ") + kChannel + "\r\n";
  CO_TRY_VOID(co_await place.stream_->write(subscribe));
  resp::ReplyReader replies;
  std::array<char, 16384> part{};
  for (;;) {
    CO_TRY(const auto count, co_await place.stream_->read_some(part));
    replies.feed({part.data(), count});
    for (;;) {
      CO_TRY(const auto reply, replies.next());
      if (!reply) break;
      take(place, *reply);
    }
  }
}

// ["message", channel, stamp]
void DelayProbe::take(Place& place, const resp::Reply& reply) const {
  if (reply.elements.size() != 3 || reply.elements[0].text != "message") return;
  const auto& text = reply.elements[2].text;
  std::int64_t stamp = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), stamp).ec != std::errc()) return;
  place.newest_ = rt::Instant{rt::Duration(stamp)};
  place.arrived_ = world_.host().clock().now();
  place.delay_.record(place.last_delay());
  place.arrivals_.emplace(stamp, place.arrived_);
  if (place.arrivals_.size() > kArrivalsMax) place.arrivals_.erase(place.arrivals_.begin());
  if (place.before_ == nullptr) return place.hop_.record(place.last_delay());
  const auto passed = place.before_->arrivals_.find(stamp);
  if (passed == place.before_->arrivals_.end()) return;
  place.hop_.record(std::max(place.arrived_ - passed->second, rt::Duration{0}));
}

}  // namespace sluice::lab
