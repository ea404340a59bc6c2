#include "delay/prober.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <utility>

namespace sluice::delay {
namespace {

// At the start, so that the first probes are not counted as missed by nodes that are there.
constexpr auto kSubscribePatience = std::chrono::seconds(2);
constexpr auto kReconnectPause = std::chrono::milliseconds(500);
constexpr auto kJudgeInterval = std::chrono::milliseconds(50);
// Publications under way at once. A probe beyond is not written: it counts as outstanding.
constexpr std::size_t kWritingMax = 1000;

// Several probers may watch one master, and each hears its own probes alone.
std::string channel_name(rt::Host& host) {
  return fmt::format("sluice:probe:{:016x}", host.random());
}

}  // namespace

struct Prober::Node {
  Node(rt::Host& host, Target of, Subscription::Options listen, Subscription::OnMessage on_message,
       NodePoll::Options ask, AlertBounds bounds, NodeMetrics numbers)
      : target(std::move(of)),
        subscription(host, std::move(listen), std::move(on_message)),
        poll(host, std::move(ask)),
        alert(bounds),
        metrics(numbers) {}

  Target target;
  Subscription subscription;
  NodePoll poll;
  Alert alert;
  NodeMetrics metrics;
};

Result<std::unique_ptr<Prober>> Prober::make(rt::Host& host, const ShardSettings& shard,
                                             const Options& options, base::Metrics& metrics,
                                             const base::Log& log) {
  auto named = shard.name.empty() ? log : log.with("shard", shard.name);
  std::unique_ptr<Prober> prober(new Prober(host, shard, options, metrics, std::move(named)));
  for (const auto& text : shard.watch) {
    TRY(auto target, parse_target(text));
    prober->add_node(std::move(target), metrics);
  }
  prober->book_.emplace(prober->nodes_.size());
  return prober;
}

Prober::Prober(rt::Host& host, ShardSettings shard, const Options& options, base::Metrics& metrics,
               base::Log log)
    : host_(host),
      shard_(std::move(shard)),
      options_(options),
      log_(std::move(log)),
      channel_(channel_name(host)),
      metrics_(metrics, shard_.name),
      master_(host, {.url = shard_.write, .client = options.master}),
      gate_(host) {}

Prober::~Prober() = default;

void Prober::add_node(Target target, base::Metrics& metrics) {
  const auto index = nodes_.size();
  auto on_message = [this, index](std::string_view message, rt::Instant at) {
    arrive(index, message, at);
  };
  Subscription::Options listen{.url = target.url, .client = options_.watched, .channel = channel_};
  NodePoll::Options ask{.url = target.url, .client = options_.watched};
  const NodeMetrics numbers(metrics, shard_.name, target.name);
  nodes_.push_back(std::make_unique<Node>(host_, std::move(target), std::move(listen),
                                          std::move(on_message), std::move(ask), options_.alert,
                                          numbers));
}

rt::Task<void> Prober::run() {
  for (const auto& node : nodes_) {
    gate_.spawn(node->subscription.run());
    gate_.spawn(node->poll.run());
  }
  gate_.spawn(master_.run());
  gate_.spawn(publish_loop());
  gate_.spawn(watch_loop());
  co_await gate_.closed();
}

void Prober::stop() {
  gate_.close();
  master_.stop();
  if (writer_) writer_->close();
  for (const auto& node : nodes_) {
    node->subscription.stop();
    node->poll.stop();
  }
}

rt::Task<void> Prober::await_subscriptions() {
  const auto until = host_.clock().now() + kSubscribePatience;
  const auto is_subscribed = [](const auto& node) { return node->subscription.is_subscribed(); };
  while (host_.clock().now() < until && !gate_.is_closing()) {
    if (writer_ && std::ranges::all_of(nodes_, is_subscribed)) co_return;
    co_await gate_.sleep(std::chrono::milliseconds(10));
  }
}

// Open loop: a master that answers late does not delay the next probe.
rt::Task<void> Prober::publish_loop() {
  is_connecting_ = true;
  gate_.spawn(connect_writer());
  co_await await_subscriptions();
  auto due = host_.clock().now();
  while (!gate_.is_closing()) {
    const auto number = book_->send(host_.clock().now(), write_round_trip_.half());
    metrics_.sent();
    if (writer_ && writing_ < kWritingMax) {
      ++writing_;
      gate_.spawn(publish(writer_, number));
    } else if (!writer_ && !is_connecting_) {
      is_connecting_ = true;
      gate_.spawn(connect_writer());
    }
    due = std::max(due + options_.interval, host_.clock().now());
    co_await gate_.sleep(due - host_.clock().now());
  }
}

rt::Task<void> Prober::connect_writer() {
  auto connected = co_await open_writer();
  is_connecting_ = false;
  if (gate_.is_closing()) co_return;
  if (connected) {
    writer_ = *std::move(connected);
    write_failure_.clear();
    co_return;
  }
  write_failure_ = connected.error().detail;
  is_connecting_ = true;
  co_await gate_.sleep(kReconnectPause);
  is_connecting_ = false;
}

// With its round trip measured, so that the first probe's delay is right too.
rt::Task<Result<Prober::Writer>> Prober::open_writer() {
  auto url = shard_.write;
  auto how = options_.master;
  CO_TRY(Writer writer, co_await redis::Client::connect(host_, std::move(url), std::move(how)));
  const auto begin = host_.clock().now();
  redis::Words ping{"PING"};
  CO_TRY_VOID(co_await writer->need(std::move(ping)));
  write_round_trip_.observe(host_.clock().now() - begin);
  co_return writer;
}

rt::Task<void> Prober::publish(Writer writer, std::uint64_t number) {
  const auto begin = host_.clock().now();
  redis::Words words{"PUBLISH", channel_, std::to_string(number)};
  const auto published = co_await writer->need(std::move(words));
  --writing_;
  if (published) {
    const auto taken = host_.clock().now() - begin;
    write_round_trip_.observe(taken);
    writes_.record(taken);
    metrics_.published(taken);
    co_return;
  }
  write_failure_ = published.error().detail;
  if (writer_ == writer) writer_.reset();
}

void Prober::arrive(std::size_t index, std::string_view message, rt::Instant at) {
  std::uint64_t number = 0;
  const auto* const last = message.data() + message.size();
  const auto [end, error] = std::from_chars(message.data(), last, number);
  if (error != std::errc{} || end != last) return;
  auto& node = *nodes_[index];
  const auto way = node.subscription.round_trip().half();
  const auto arrival = book_->arrive(index, number, at, way);
  if (arrival) node.metrics.arrived(*arrival);
}

rt::Task<void> Prober::watch_loop() {
  for (bool goes_on = true; goes_on;) {
    const auto now = host_.clock().now();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      judge(i, now);
      nodes_[i]->metrics.show(look_at(i, now));
    }
    goes_on = co_await gate_.sleep(kJudgeInterval);
  }
}

void Prober::judge(std::size_t index, rt::Instant now) {
  auto& node = *nodes_[index];
  const auto age = book_->age(index, now);
  const auto change = node.alert.observe(age, now);
  if (change == Alert::Change::kNone) return;
  const auto age_ms = std::chrono::duration_cast<Milliseconds>(*age).count();
  if (change == Alert::Change::kLifted) {
    log_.info("delay alert lifted", {{"node", node.target.name}, {"age_ms", age_ms}});
    return;
  }
  log_.warn("delay alert raised", {{"node", node.target.name},
                                   {"age_ms", age_ms},
                                   {"outstanding", book_->outstanding(index)},
                                   {"why", node.subscription.failure()}});
}

// By what the node before it still has; the first node's is the master.
Forecast Prober::forecast_of(std::size_t index) const {
  const auto& poll = nodes_[index]->poll;
  const auto& upstream = index == 0 ? master_ : nodes_[index - 1]->poll;
  return forecast(upstream.facts()->window,
                  {.offset = poll.facts()->offset,
                   .bytes_per_second = poll.bytes_per_second(),
                   .stream_bytes_per_second = master_.bytes_per_second()});
}

// The answers of two nodes are of different moments: what the master has said is the older one.
std::uint64_t Prober::lag_of(std::size_t index) const {
  const auto head = master_.facts()->offset;
  return head - std::min(nodes_[index]->poll.facts()->offset, head);
}

NodeReport Prober::look_at(std::size_t index, rt::Instant now) const {
  const auto& node = *nodes_[index];
  const auto& facts = node.poll.facts();
  NodeReport one{.name = node.target.name, .delay = {}, .hop = {}};
  one.is_reached = node.subscription.is_subscribed();
  one.failure = node.subscription.failure();
  one.has_link = facts && facts->has_link;
  one.age = book_->age(index, now);
  one.missed = book_->delays(index).missed;
  one.round_trip = node.subscription.round_trip().shortest();
  one.is_alert = node.alert.is_raised();
  one.alerts = node.alert.times_raised();
  if (!facts || !master_.facts()) return one;
  one.lag_bytes = lag_of(index);
  const bool has_upstream = index == 0 || nodes_[index - 1]->poll.facts();
  if (has_upstream) one.forecast = forecast_of(index);
  return one;
}

ShardReport Prober::report() const {
  ShardReport report{.shard = shard_.name,
                     .probes = book_->sent(),
                     .is_writable = writer_ != nullptr,
                     .failure = write_failure_,
                     .write = quantiles_of(writes_),
                     .stream_bytes_per_second = master_.bytes_per_second(),
                     .nodes = {}};
  const auto now = host_.clock().now();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    auto node = look_at(i, now);
    node.delay = quantiles_of(book_->delays(i).all);
    node.hop = quantiles_of(book_->delays(i).hop);
    report.nodes.push_back(std::move(node));
  }
  return report;
}

}  // namespace sluice::delay
