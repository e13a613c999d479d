// The state of the two CPUs beside each row: made-up lines, and those of this machine.
#include "bench/floors/state.hpp"

#include <cstddef>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <tests/support/failure.hpp>

namespace ringbell::bench {
namespace {

constexpr double kNearNs = 130;
constexpr double kFarNs = 480;

// One measurement after the other while lines take so long.
class Lines {
 public:
  explicit Lines(std::vector<double> lines) : lines_(std::move(lines)) {}

  Result<void> measure(Row& row) {
    return add_in_one_state([this]() -> Result<double> { return lines_.at(asked_++); }, row,
                            [this](Row& figures) -> Result<void> {
                              figures["p50_ns"] = ++measured_;
                              return {};
                            });
  }
  [[nodiscard]] std::size_t asked() const noexcept { return asked_; }

 private:
  std::vector<double> lines_;
  std::size_t asked_ = 0;
  int measured_ = 0;
};

TEST(State, ARowSaysWhatALineTookBeforeAndAfterIt) {
  Lines lines({kNearNs, 1.3 * kNearNs});
  Row row{{"transport", "pipe"}};
  ASSERT_TRUE(lines.measure(row));
  EXPECT_EQ(row, (Row{{"transport", "pipe"},
                      {"p50_ns", 1},
                      {"line_ns_before", kNearNs},
                      {"line_ns_after", 1.3 * kNearNs}}));
}

TEST(State, ARowWhoseStateChangedIsMeasuredAgain) {
  Lines lines({kNearNs, kFarNs, kFarNs, kFarNs});
  Row row;
  ASSERT_TRUE(lines.measure(row));
  EXPECT_EQ(row["p50_ns"], 2);
  EXPECT_EQ(row["tries"], 2);
  EXPECT_EQ(row["line_ns_before"], kFarNs);
}

TEST(State, AStateThatKeepsChangingEndsAfterThreeTries) {
  Lines lines({kNearNs, kFarNs, kFarNs, kNearNs, kNearNs, kFarNs});
  Row row;
  ASSERT_TRUE(lines.measure(row));
  EXPECT_EQ(lines.asked(), 6U);
  EXPECT_EQ(row["tries"], 3);
  EXPECT_EQ(row["line_ns_before"], kNearNs);
  EXPECT_EQ(row["line_ns_after"], kFarNs);
}

TEST(State, AMeasurementThatFailsIsNotRepeated) {
  int measured = 0;
  Row row;
  const Result<void> done = add_in_one_state([]() -> Result<double> { return kNearNs; }, row,
                                             [&](Row& /*figures*/) -> Result<void> {
                                               ++measured;
                                               return fail(ErrorCode::system, "no such thing");
                                             });
  ASSERT_FALSE(done);
  EXPECT_EQ(message_of(done), "no such thing");
  EXPECT_EQ(measured, 1);
}

TEST(State, LinesOfOneStateDifferByLessThanAFactorOfTwo) {
  EXPECT_TRUE(same_state(90, 170));
  EXPECT_TRUE(same_state(540, 420));
  EXPECT_FALSE(same_state(170, 420));
  EXPECT_FALSE(same_state(420, 170));
}

TEST(State, OnlyRowsOnTwoCpusHaveAState) {
  const CpuPair cpus = choose_cpus();
  const auto nothing = [](Row& /*figures*/) { return Result<void>{}; };
  Row row;
  ASSERT_TRUE(add_in_one_state(Placement::one_cpu, cpus, row, nothing));
  EXPECT_FALSE(row.contains("line_ns_before"));
  if (cpus[1] < 0) GTEST_SKIP() << "needs two CPUs";
  ASSERT_TRUE(add_in_one_state(Placement::two_cpus, cpus, row, nothing));
  EXPECT_GT(row["line_ns_before"], 0);
  EXPECT_GT(row["line_ns_after"], 0);
}

}  // namespace
}  // namespace ringbell::bench
