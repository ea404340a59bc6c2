#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "geo/courier.h"
#include "geo/courier_model_test.h"

namespace sluice::geo {
namespace {

using namespace std::chrono_literals;

constexpr crdt::RegionId kPeer = 1;
constexpr crdt::RegionId kTarget = 2;

// What a peer's stream can be: its own batches and those of two others, each in order, each behind what
// its maker had seen.
struct Stream {
  std::vector<StreamBatch> batches;
  crdt::VersionVector seen;

  void grow() {
    const auto region = static_cast<crdt::RegionId>(*rc::gen::element(1, 1, 3, 4));
    const crdt::Actor actor{region, 1};
    const auto count = *rc::gen::inRange<std::uint32_t>(0, 3);
    std::vector<crdt::Dot> context;
    for (const auto& dot : seen.entries()) {
      if (dot.actor != actor && *rc::gen::inRange(0, 3) == 0) context.push_back(dot);
    }
    auto batch =
        batch_of(actor, seen.at(actor) + 1, count, std::move(context), batches.size() * 10);
    batch.is_foreign = region != kPeer;
    if (count > 0) seen.advance({actor, seen.at(actor) + count});
    batches.push_back(std::move(batch));
  }
};

class Play {
 public:
  explicit Play(const Stream& stream) : stream_(stream) { connect(); }

  void step() {
    switch (*rc::gen::inRange(0, 12)) {
      case 0:
        return connect();
      case 1:
        return another_link();
      case 2:
        now_ = now_ + *rc::gen::element<rt::Duration>(10ms, 100ms, 1s, 6s);
        return;
      case 3:
        return courier_->learn(target_.vector, now_);
      case 4:
        if (const auto at = courier_->wants_position(now_)) target_.position = at->bytes();
        return;
      case 5:
      case 6:
        return answer(true);
      case 7:
        return read();
      default:
        read();
        send();
        answer(false);
    }
  }

  // With nothing going wrong any more.
  void finish() {
    for (int i = 0; i < 3000; ++i) {
      now_ = now_ + 500ms;
      while (read_ < stream_.batches.size()) read();
      courier_->learn(target_.vector, now_);
      send();
      while (!in_flight_.empty()) answer(false);
      check();
    }
    RC_ASSERT(target_.vector.covers(stream_.seen));
    RC_ASSERT(courier_->settled() == repl::Offset{stream_.batches.size() * 10});
    RC_ASSERT(courier_->queue_bytes() == 0U);
  }

  // A link that starts from the stored position misses nothing.
  void check() const {
    for (const auto& batch : stream_.batches) {
      const auto& header = batch.header;
      if (batch.begin.bytes() >= target_.position || header.count == 0) continue;
      RC_ASSERT(target_.vector.covers({header.actor, header.first + header.count - 1}));
    }
  }

 private:
  void connect() {
    in_flight_.clear();
    courier_.emplace(Courier::Target{{kTarget, 1}, target_.vector}, repl::Offset{target_.position},
                     Courier::Limits{});
    read_ = target_.position / 10;
  }
  void read() {
    if (read_ == stream_.batches.size()) return;
    courier_->take(stream_.batches[read_++], now_);
    courier_->read_to(repl::Offset{read_ * 10});
  }
  void send() {
    while (const auto apply = courier_->next(now_)) {
      // The courier names its batch by bytes, which here are all alike.
      in_flight_.push_back({find(*apply), apply->at.bytes()});
    }
  }
  std::size_t find(const Courier::Apply& apply) const {
    return static_cast<std::size_t>(std::stoul(*apply.batch));
  }
  void answer(bool may_refuse) {
    if (in_flight_.empty()) return;
    const auto [index, at] = in_flight_.front();
    in_flight_.pop_front();
    const bool refuses = may_refuse && *rc::gen::inRange(0, 2) == 0;
    const auto answer = refuses ? Answer{.verdict = Verdict::kRefused, .dot = {}, .text = "no"}
                                : target_.apply(stream_.batches[index].header, at);
    courier_->answer(answer, now_);
    check();
  }
  // The third regions' own.
  void another_link() {
    for (const auto& batch : stream_.batches) {
      if (!batch.is_foreign || *rc::gen::inRange(0, 4) == 0) continue;
      (void)target_.apply(batch.header, target_.position);
    }
  }

  struct Sent {
    std::size_t index;
    std::uint64_t at;
  };
  const Stream& stream_;
  TargetModel target_;
  std::optional<Courier> courier_;
  std::deque<Sent> in_flight_;
  std::size_t read_ = 0;
  rt::Instant now_{1s};
};

RC_GTEST_PROP(CourierProperties, TheTargetGetsEverythingWhateverIsRefusedLostOrBroughtByOthers,
              ()) {
  Stream stream;
  const auto length = *rc::gen::inRange(1, 30);
  for (int i = 0; i < length; ++i) {
    stream.grow();
    stream.batches.back().bytes = std::to_string(i);
  }
  Play play(stream);
  const auto steps = *rc::gen::inRange(0, 80);
  for (int i = 0; i < steps; ++i) play.step();
  play.finish();
}

}  // namespace
}  // namespace sluice::geo
