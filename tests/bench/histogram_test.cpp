#include "bench/harness/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/harness/round_trip.hpp"

namespace ringbell::bench {
namespace {

static_assert(std::is_trivially_copyable_v<Histogram>);

double exact_quantile(std::vector<std::uint64_t> values, double q) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
  return static_cast<double>(values[std::max<std::size_t>(rank, 1) - 1]);
}

TEST(Histogram, HoldsNothingAtFirst) {
  const auto histogram = std::make_unique<Histogram>();
  EXPECT_EQ(histogram->count(), 0U);
  EXPECT_EQ(histogram->max(), 0U);
  EXPECT_EQ(histogram->quantile(0.5), 0);
}

TEST(Histogram, SmallValuesAreExact) {
  const auto histogram = std::make_unique<Histogram>();
  for (std::uint64_t value = 0; value < 256; ++value) histogram->record(value);
  for (std::uint64_t value = 0; value < 256; ++value) {
    EXPECT_EQ(histogram->quantile(static_cast<double>(value + 1) / 256),
              static_cast<double>(value));
  }
}

TEST(Histogram, EveryValueIsWithinOnePercentOverTheWholeRange) {
  for (int bit = 0; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t value : {power, power + power / 3, power + (power - 1)}) {
      const auto histogram = std::make_unique<Histogram>();
      histogram->record(value);
      histogram->record(UINT64_MAX);  // so that max() does not bound the answer
      const double exact = static_cast<double>(value);
      EXPECT_NEAR(histogram->quantile(0.5), exact, exact * 0.01) << value;
    }
  }
}

TEST(Histogram, QuantilesOfRandomValuesAreWithinOnePercent) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> durations(7, 2);
  const auto histogram = std::make_unique<Histogram>();
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 50'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(durations(random)));
    histogram->record(values.back());
  }
  for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = exact_quantile(values, q);
    EXPECT_NEAR(histogram->quantile(q), exact, exact * 0.01) << q;
  }
  EXPECT_EQ(histogram->max(), *std::max_element(values.begin(), values.end()));
  EXPECT_EQ(histogram->count(), values.size());
}

TEST(Histogram, NoQuantileIsAboveTheMaximum) {
  const auto histogram = std::make_unique<Histogram>();
  histogram->record(1'000'001);
  EXPECT_LE(histogram->quantile(1.0), 1'000'001);
}

TEST(Histogram, MergingIsRecordingBoth) {
  const auto odd = std::make_unique<Histogram>();
  const auto even = std::make_unique<Histogram>();
  const auto all = std::make_unique<Histogram>();
  for (std::uint64_t value = 0; value < 10'000; ++value) {
    (value % 2 == 0 ? even : odd)->record(value * 7);
    all->record(value * 7);
  }
  odd->merge(*even);
  EXPECT_EQ(odd->count(), all->count());
  EXPECT_EQ(odd->max(), all->max());
  for (const double q : {0.1, 0.5, 0.99}) EXPECT_EQ(odd->quantile(q), all->quantile(q));
}

TEST(Histogram, KnowsTheMeanAndItsBuckets) {
  const auto histogram = std::make_unique<Histogram>();
  for (const std::uint64_t value : {100U, 100U, 250U, 1000U}) histogram->record(value);
  EXPECT_DOUBLE_EQ(histogram->mean(), 362.5);
  std::vector<std::pair<double, std::uint64_t>> buckets;
  histogram->for_each_bucket(
      [&](double value, std::uint64_t count) { buckets.emplace_back(value, count); });
  ASSERT_EQ(buckets.size(), 3U);
  EXPECT_EQ(buckets[0], std::pair(100.0, std::uint64_t{2}));
  EXPECT_EQ(buckets[1], std::pair(250.0, std::uint64_t{1}));
  EXPECT_NEAR(buckets[2].first, 1000, 4);
}

// What a row says of `count` samples.
Row latency_of(std::uint64_t count) {
  const auto histogram = std::make_unique<Histogram>();
  for (std::uint64_t i = 1; i <= count; ++i) histogram->record(i);
  Row row;
  describe_latency(*histogram, row);
  return row;
}

TEST(Latency, HasNoPercentileWithFewerThanAHundredSamplesBeyondIt) {
  EXPECT_TRUE(latency_of(1).contains("p50_ns"));
  EXPECT_FALSE(latency_of(999).contains("p90_ns"));
  EXPECT_TRUE(latency_of(1000).contains("p90_ns"));
  EXPECT_FALSE(latency_of(1000).contains("p99_ns"));
  EXPECT_TRUE(latency_of(10'000).contains("p99_ns"));
  EXPECT_FALSE(latency_of(99'999).contains("p999_ns"));
  EXPECT_TRUE(latency_of(100'000).contains("p999_ns"));
  EXPECT_EQ(latency_of(1000)["max_ns"], 1000);
}

TEST(Latency, HasAllItsSamplesInBuckets) {
  std::uint64_t samples = 0;
  const Row row = latency_of(5000);
  for (const Row& bucket : row["buckets"]) samples += bucket[1].get<std::uint64_t>();
  EXPECT_EQ(samples, 5000U);
}

}  // namespace
}  // namespace ringbell::bench
