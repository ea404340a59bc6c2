#include "crdt/live_ops.h"

#include "crdt/number.h"

namespace sluice::crdt {
namespace {

constexpr std::size_t kManyOps = 8;

}  // namespace

bool LiveOps::covered_by(const Context& context) const {
  if (newest_ != nullptr)
    return std::ranges::all_of(newest_->entries(),
                               [&](const Dot& dot) { return context.covers(dot); });
  return std::ranges::all_of(ops_, [&](const Live& op) { return context.covers(op.stamp.dot); });
}

void LiveOps::add(Live op) {
  if (ops_.empty()) sorted_ = 0;
  const bool is_last = sorted_ == ops_.size() && (ops_.empty() || ops_.back().stamp <= op.stamp);
  ops_.push_back(std::move(op));
  if (is_last) sorted_ = ops_.size();
  if (newest_ != nullptr || ops_.size() <= kManyOps) {
    count(ops_.back());
  } else {
    recount();
  }
}

void LiveOps::sort() const {
  const auto late = ops_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  std::ranges::stable_sort(late, ops_.end(), {}, &Live::stamp);
  std::ranges::inplace_merge(ops_, late, {}, &Live::stamp);
  sorted_ = ops_.size();
}

void LiveOps::erase_first(std::size_t count) {
  if (count == 0) return;
  sorted();
  ops_.erase(ops_.begin(), ops_.begin() + static_cast<std::ptrdiff_t>(count));
  sorted_ = ops_.size();
  recount();
}

void LiveOps::count(const Live& op) {
  ++counts_[static_cast<std::size_t>(op.kind)];
  text_bytes_ += text_bytes(op);
  if (op.kind == LiveKind::kIncrement) sum_ = wrapping_sum(sum_, op.by);
  if (newest_ != nullptr) newest_->advance(op.stamp.dot);
}

void LiveOps::recount() {
  counts_ = {};
  sum_ = 0;
  text_bytes_ = 0;
  newest_ = ops_.size() > kManyOps ? std::make_unique<VersionVector>() : nullptr;
  for (const Live& op : ops_) count(op);
}

}  // namespace sluice::crdt
