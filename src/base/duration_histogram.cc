#include "base/duration_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::base {

std::size_t DurationHistogram::bucket_of(std::uint64_t ns) {
  constexpr std::uint64_t kFirstPower = std::uint64_t{1} << kSubBits;
  if (ns < kFirstPower) return static_cast<std::size_t>(ns);
  const auto power = static_cast<int>(std::bit_width(ns)) - 1 - kSubBits;
  const auto sub = (ns >> power) - kFirstPower;
  const auto bucket = (static_cast<std::uint64_t>(power + 1) << kSubBits) + sub;
  return static_cast<std::size_t>(std::min<std::uint64_t>(bucket, kBuckets - 1));
}

std::uint64_t DurationHistogram::highest_in(std::size_t bucket) {
  const auto power = bucket >> kSubBits;
  if (power == 0) return bucket;
  const auto sub = (bucket & ((std::size_t{1} << kSubBits) - 1)) + (std::size_t{1} << kSubBits);
  return ((static_cast<std::uint64_t>(sub) + 1) << (power - 1)) - 1;
}

void DurationHistogram::record(Duration value, std::uint64_t times) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0));
  counts_[bucket_of(ns)] += times;
  count_ += times;
  sum_ns_ += ns * times;
  max_ns_ = std::max(max_ns_, ns);
}

void DurationHistogram::merge(const DurationHistogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

DurationHistogram DurationHistogram::since(const DurationHistogram& earlier) const {
  DurationHistogram later = *this;
  for (std::size_t i = 0; i < kBuckets; ++i) later.counts_[i] -= earlier.counts_[i];
  later.count_ -= earlier.count_;
  later.sum_ns_ -= earlier.sum_ns_;
  return later;
}

DurationHistogram::Duration DurationHistogram::mean() const {
  return Duration(count_ == 0 ? 0 : static_cast<std::int64_t>(sum_ns_ / count_));
}

DurationHistogram::Duration DurationHistogram::quantile(double fraction) const {
  const auto rank = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t left = std::max<std::uint64_t>(rank, 1);
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (left > counts_[i]) {
      left -= counts_[i];
      continue;
    }
    const auto lowest = i == 0 ? 0 : highest_in(i - 1) + 1;
    const auto width = static_cast<double>(highest_in(i) - lowest);
    const auto share = static_cast<double>(left) / static_cast<double>(counts_[i]);
    const auto value = lowest + static_cast<std::uint64_t>(width * share);
    return Duration(static_cast<std::int64_t>(std::min(value, max_ns_)));
  }
  return max();
}

}  // namespace sluice::base
