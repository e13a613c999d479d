// Every ring's scenarios within their quick bounds, and every mutant. `./dev model` has the full
// bounds.
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include "tests/model/campaign.hpp"
#include "tests/model/scenario.hpp"

namespace ringbell::model {
namespace {

class RingModel : public testing::TestWithParam<std::string> {};

TEST_P(RingModel, HoldsInEveryRunAndEveryMutantIsCaught) {
  Campaign campaign(Campaign::Extent::quick);
  campaign.explore_ring(GetParam(), [](const std::string& line) { std::puts(line.c_str()); });
  EXPECT_TRUE(campaign.clean());
  EXPECT_GT(campaign.mutants(), 0U);
  EXPECT_EQ(campaign.caught(), campaign.mutants());
}

void expect_slept_through(const Scenario& scenario) {
  const Report report = explore(scenario.make, scenario.quick);
  ASSERT_TRUE(report.finding);
  EXPECT_NE(report.finding->find("sleeps"), std::string::npos) << *report.finding;
}

TEST(SharedParkingModel, AMessageIsSleptThroughWhereFencesAreLentBeforeTheBarrier) {
  expect_slept_through(loan_before_its_barrier());
}

TEST(CrowdModel, AMessageIsSleptThroughWhereAReaderPassesNothingOn) {
  expect_slept_through(crowd_that_passes_nothing_on());
}

INSTANTIATE_TEST_SUITE_P(Quick, RingModel,
                         testing::ValuesIn(Campaign(Campaign::Extent::quick).rings()),
                         [](const testing::TestParamInfo<std::string>& ring) {
                           return ring.param;
                         });

}  // namespace
}  // namespace ringbell::model
