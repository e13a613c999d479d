// What the explorer must notice: races, stuck programs, lost wake-ups, deaths; and that it leaves
// no run out.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/litmus.hpp"

namespace ringbell::model {
namespace {

using std::memory_order;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using testing::HasSubstr;

std::string payload_passing(memory_order stores, memory_order loads) {
  return finding_of({[=](Litmus& run) {
                       Execution::current().plain_store({run.x, 8}, 7);
                       store(run.y, 1, stores);
                     },
                     [=](Litmus& run) {
                       if (load(run.y, loads) == 0) return;
                       require(Execution::current().plain_load({run.x, 8}) == 7, "not the payload");
                     }});
}

TEST(Explorer, NoRaceWherePayloadIsOrdered) {
  EXPECT_EQ(payload_passing(memory_order_release, memory_order_acquire), "");
}
TEST(Explorer, FindsTheRaceWhereItIsNot) {
  EXPECT_THAT(payload_passing(memory_order_relaxed, memory_order_acquire), HasSubstr("data race"));
  EXPECT_THAT(payload_passing(memory_order_release, memory_order_relaxed), HasSubstr("data race"));
}

TEST(Explorer, FindsADeadlock) {
  const auto wait_then_set = [](std::uint64_t* Litmus::*mine, std::uint64_t* Litmus::*other) {
    return [=](Litmus& run) {
      while (load(run.*other, memory_order_acquire) == 0) SimulatedAtomics::pause();
      store(run.*mine, 1, memory_order_release);
    };
  };
  EXPECT_THAT(
      finding_of({wait_then_set(&Litmus::x, &Litmus::y), wait_then_set(&Litmus::y, &Litmus::x)}),
      HasSubstr("no thread can go on"));
}

TEST(Explorer, AWaitEndsWhenTheValueComes) {
  EXPECT_EQ(finding_of({[](Litmus& run) { store(run.x, 1, memory_order_release); },
                        [](Litmus& run) {
                          while (load(run.x, memory_order_acquire) == 0) SimulatedAtomics::pause();
                        }}),
            "");
}

TEST(Explorer, RunsGoOnAfterAWait) {
  Outcomes outcomes;
  const auto wait_for = [](Litmus& run, std::uint64_t value) {
    while (load(run.x, memory_order_acquire) != value) {
      ++run.registers[0];
      SimulatedAtomics::pause();
    }
  };
  const Report report = run_all({[](Litmus& run) {
                                   store(run.x, 1, memory_order_release);
                                   store(run.x, 2, memory_order_release);
                                 },
                                 [=](Litmus& run) {
                                   run.registers_used = 1;
                                   wait_for(run, 2);
                                 }},
                                outcomes);
  EXPECT_FALSE(report.finding) << *report.finding;
  // It saw 0 and 1, one of them, or neither, each time as often as there was something new.
  EXPECT_EQ(outcomes, (Outcomes{"0", "1", "2"}));
}

TEST(Explorer, RunsGoOnAfterASleep) {
  Outcomes outcomes;
  const Report report =
      run_all({[](Litmus& run) {
                 store(run.x, 1, memory_order_release);
                 Execution::current().futex_wake({run.x, 8});
               },
               [](Litmus& run) {
                 run.registers_used = 1;
                 run.registers[0] = Execution::current().futex_wait({run.x, 8}, 0, false) ? 1 : 0;
                 require(load(run.x, memory_order_acquire) == 1, "woken for nothing");
               }},
              outcomes);
  EXPECT_FALSE(report.finding) << *report.finding;
  EXPECT_EQ(outcomes, (Outcomes{"0", "1"}));
}

TEST(Explorer, FindsAnEndlessLoop) {
  EXPECT_THAT(finding_of({[](Litmus& run) {
                           while (load(run.x, memory_order_relaxed) == 0) {
                           }
                         }},
                         {.steps = 50}),
              HasSubstr("steps"));
}

TEST(Explorer, FindsALostWakeUp) {
  // The classic: look, then sleep, with the news and the wake-up in between.
  EXPECT_THAT(finding_of({[](Litmus& run) {
                            store(run.y, 1, memory_order_release);
                            if (load(run.x, memory_order_relaxed) == 1) {
                              store(run.x, 0, memory_order_relaxed);
                              Execution::current().futex_wake({run.x, 8});
                            }
                          },
                          [](Litmus& run) {
                            store(run.x, 1, memory_order_relaxed);
                            if (load(run.y, memory_order_acquire) == 1) return;
                            Execution::current().futex_wait({run.x, 8}, 1, false);
                          }}),
              HasSubstr("sleeps"));
}

TEST(Explorer, ADeathComesAtEveryStepAndIsLearntOf) {
  Outcomes outcomes;
  const Report report = run_all({[](Litmus& run) {
                                   store(run.x, 1, memory_order_relaxed);
                                   store(run.x, 2, memory_order_relaxed);
                                 },
                                 [](Litmus& run) {
                                   const bool dead = is_dead(1);
                                   read(run, 1, run.x, memory_order_relaxed);
                                   run.registers[0] = dead ? 1 : 0;
                                 }},
                                outcomes, {.deaths = 1});
  EXPECT_FALSE(report.finding);
  // Alive: anything. Dead: after no store, after one, after both; never less than it stored.
  EXPECT_EQ(outcomes, (Outcomes{"00", "01", "02", "10", "11", "12"}));
}

TEST(Explorer, AFindingTellsTheRun) {
  const std::string finding = payload_passing(memory_order_release, memory_order_relaxed);
  EXPECT_THAT(finding, HasSubstr("write"));
  EXPECT_THAT(finding, HasSubstr("store program"));
  EXPECT_THAT(finding, HasSubstr("thread 2"));
}

TEST(Explorer, PreemptionBoundsLeaveOutRuns) {
  const auto steps = [](Litmus& run) {
    for (std::uint64_t i = 1; i < 5; ++i) store(run.x, i, memory_order_relaxed);
  };
  Outcomes outcomes;
  const Report bounded = run_all({steps, steps}, outcomes, {.preemptions = 1});
  const Report whole = run_all({steps, steps}, outcomes);
  EXPECT_LT(bounded.finished, whole.finished);
  EXPECT_EQ(whole.finished, 70U);  // 8 over 4 orders of the stores to one word
}

}  // namespace
}  // namespace ringbell::model
