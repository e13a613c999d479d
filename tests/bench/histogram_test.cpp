#include "bench/harness/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ringbell::bench
