// A log-linear histogram of durations, small enough to live in memory that two processes share.
//
// Below 256 every value has a bucket of its own. From there on each power of two is divided into
// 128 buckets of equal width, so a bucket is at most 1/128 = 0.78 % of its lower end wide;
// quantile() answers with the middle of a bucket, which is off by at most half of that, 0.39 %.
//
//   bucket  0 ... 255 | 256 ... 383 | 384 ... 511 | ...
//   value   0 ... 255 | 256 ... 511 | 512 ..1023  | ...
//   width   1         | 2           | 4           | ...
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace ringbell::bench {

class Histogram {
 public:
  void record(std::uint64_t value_ns) noexcept {
    ++buckets_[bucket_of(value_ns)];
    ++count_;
    sum_ += value_ns;
    max_ = std::max(max_, value_ns);
  }

  // Everything that `other` recorded, as if it had been recorded here.
  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  // Exact. 0 if nothing was recorded.
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
  [[nodiscard]] double mean() const noexcept {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

  // Calls use(value, count) for each bucket that is not empty, in ascending order of the values,
  // which are the buckets' middles.
  template <class Use>
  void for_each_bucket(Use&& use) const {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if (buckets_[i] > 0) use(middle_of(i), buckets_[i]);
    }
  }

  // The smallest recorded value that at least the share q of all values does not exceed, to within
  // 0.39 %, and never more than max(). 0 if nothing was recorded. REQUIRES: 0 <= q <= 1.
  [[nodiscard]] double quantile(double q) const noexcept {
    if (count_ == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
    const std::uint64_t rank = std::clamp<std::uint64_t>(wanted, 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += buckets_[i];
      if (seen >= rank) return std::min(middle_of(i), static_cast<double>(max_));
    }
    return static_cast<double>(max_);
  }

 private:
  static constexpr int kSubBucketBits = 7;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kSubBucketBits;
  static constexpr std::size_t kBuckets = (64 - kSubBucketBits + 1) * kSubBuckets;

  // How many low bits of the value do not matter.
  [[nodiscard]] static constexpr int shift_of(std::uint64_t value) noexcept {
    return std::max(0, static_cast<int>(std::bit_width(value)) - kSubBucketBits - 1);
  }
  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const int shift = shift_of(value);
    return static_cast<std::size_t>(shift) * kSubBuckets + static_cast<std::size_t>(value >> shift);
  }
  [[nodiscard]] static double middle_of(std::size_t bucket) noexcept {
    if (bucket < 2 * kSubBuckets) return static_cast<double>(bucket);
    const int shift = static_cast<int>(bucket / kSubBuckets) - 1;
    const std::size_t leading = bucket % kSubBuckets + kSubBuckets;
    const double width = std::ldexp(1.0, shift);
    return static_cast<double>(leading) * width + (width - 1) / 2;
  }

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace ringbell::bench
