// Counts durations in buckets under one percent wide, so that quantiles need no samples kept.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace sluice::base {

// From 1 ns to 19 minutes; longer ones count as 19 minutes. A plain value of 37 KB: it may be
// copied, zeroed, and shared with another process that reads it while it is being filled.
class DurationHistogram {
 public:
  using Duration = std::chrono::nanoseconds;

  void record(Duration value, std::uint64_t times = 1);
  void merge(const DurationHistogram& other);

  // What was recorded after `earlier`, a copy of this one, was taken. Its max() is that of all.
  DurationHistogram since(const DurationHistogram& earlier) const;

  std::uint64_t count() const { return count_; }
  Duration mean() const;
  Duration max() const { return Duration(max_ns_); }

  // The value that a `fraction` of all recorded ones do not exceed, at most 0.8 % off: those of a bucket
  // are taken to lie evenly in it.
  Duration quantile(double fraction) const;

 private:
  // Values below 128 have a bucket each; above, every power of two is cut into 128 parts.
  static constexpr int kSubBits = 7;
  static constexpr int kPowers = 34;
  static constexpr std::size_t kBuckets = std::size_t{kPowers} << kSubBits;

  static std::size_t bucket_of(std::uint64_t ns);
  static std::uint64_t highest_in(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t max_ns_ = 0;
};

}  // namespace sluice::base
