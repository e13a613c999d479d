// The explorer on programs whose outcomes are known: all that C++20 allows are found, none that it
// forbids.
#include <string>

#include <gtest/gtest.h>

#include "tests/model/litmus.hpp"

namespace ringbell::model {
namespace {

using std::memory_order;
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// Every outcome of two binary registers.
const Outcomes kAll{"00", "01", "10", "11"};
Outcomes all_but(const std::string& forbidden) {
  Outcomes outcomes = kAll;
  outcomes.erase(forbidden);
  return outcomes;
}

// --- message passing: x is the data, y the flag; registers: flag, data -------------------------

Outcomes message_passing(memory_order stores, memory_order loads) {
  return outcomes_of({[=](Litmus& run) {
                        store(run.x, 1, memory_order_relaxed);
                        store(run.y, 1, stores);
                      },
                      [=](Litmus& run) {
                        read(run, 0, run.y, loads);
                        read(run, 1, run.x, memory_order_relaxed);
                      }});
}

TEST(Litmus, MessagePassingByReleaseAndAcquire) {
  EXPECT_EQ(message_passing(memory_order_release, memory_order_acquire), all_but("10"));
}
TEST(Litmus, MessagePassingNeedsTheRelease) {
  EXPECT_EQ(message_passing(memory_order_relaxed, memory_order_acquire), kAll);
}
TEST(Litmus, MessagePassingNeedsTheAcquire) {
  EXPECT_EQ(message_passing(memory_order_release, memory_order_relaxed), kAll);
}
TEST(Litmus, MessagePassingByFences) {
  const auto with = [](memory_order writers, memory_order readers) {
    return outcomes_of({[=](Litmus& run) {
                          store(run.x, 1, memory_order_relaxed);
                          fence(writers);
                          store(run.y, 1, memory_order_relaxed);
                        },
                        [=](Litmus& run) {
                          read(run, 0, run.y, memory_order_relaxed);
                          fence(readers);
                          read(run, 1, run.x, memory_order_relaxed);
                        }});
  };
  EXPECT_EQ(with(memory_order_release, memory_order_acquire), all_but("10"));
  EXPECT_EQ(with(memory_order_seq_cst, memory_order_seq_cst), all_but("10"));
  EXPECT_EQ(with(memory_order_acquire, memory_order_acquire), kAll);
  EXPECT_EQ(with(memory_order_release, memory_order_release), kAll);
}

// --- store buffering, which is Dekker's entry --------------------------------------------------

Outcomes store_buffering(const Litmus::Body& first_between, const Litmus::Body& second_between,
                         memory_order stores = memory_order_release,
                         memory_order loads = memory_order_acquire) {
  return outcomes_of({[=](Litmus& run) {
                        store(run.x, 1, stores);
                        first_between(run);
                        read(run, 0, run.y, loads);
                      },
                      [=](Litmus& run) {
                        store(run.y, 1, stores);
                        second_between(run);
                        read(run, 1, run.x, loads);
                      }});
}
void nothing(Litmus& /*run*/) {}
void full_fence(Litmus& /*run*/) { fence(memory_order_seq_cst); }
void barrier(Litmus& /*run*/) { heavy_barrier(); }

TEST(Litmus, StoreBufferingIsSeen) { EXPECT_EQ(store_buffering(nothing, nothing), kAll); }
TEST(Litmus, DekkerWithFences) {
  EXPECT_EQ(store_buffering(full_fence, full_fence), all_but("00"));
}
TEST(Litmus, DekkerNeedsBothFences) {
  EXPECT_EQ(store_buffering(full_fence, nothing), kAll);
  EXPECT_EQ(store_buffering(nothing, full_fence), kAll);
}
TEST(Litmus, DekkerNeedsMoreThanAcquireAndReleaseFences) {
  const auto weaker = [](Litmus&) { fence(memory_order_acq_rel); };
  EXPECT_EQ(store_buffering(weaker, weaker), kAll);
}
TEST(Litmus, DekkerWithSequentiallyConsistentAccesses) {
  EXPECT_EQ(store_buffering(nothing, nothing, memory_order_seq_cst, memory_order_seq_cst),
            all_but("00"));
}
TEST(Litmus, DekkerWithABarrierOnOneSideOnly) {
  EXPECT_EQ(store_buffering(barrier, nothing), all_but("00"));
  EXPECT_EQ(store_buffering(nothing, barrier), all_but("00"));
}

// --- what is not produced, and what may not be -------------------------------------------------

TEST(Litmus, LoadBufferingIsNotProduced) {
  EXPECT_EQ(outcomes_of({[](Litmus& run) {
                           read(run, 0, run.x, memory_order_relaxed);
                           store(run.y, 1, memory_order_relaxed);
                         },
                         [](Litmus& run) {
                           read(run, 1, run.y, memory_order_relaxed);
                           store(run.x, 1, memory_order_relaxed);
                         }}),
            all_but("11"));
}

TEST(Litmus, TwoWritesEachIsNotReorderedBothWays) {
  // C++ allows that x ends as 1 and y as 1; stores that take effect in turn do not produce it.
  EXPECT_EQ(outcomes_of({[](Litmus& run) {
                           store(run.x, 1, memory_order_relaxed);
                           store(run.y, 2, memory_order_relaxed);
                           run.registers_used = 2;
                         },
                         [](Litmus& run) {
                           store(run.y, 1, memory_order_relaxed);
                           store(run.x, 2, memory_order_relaxed);
                         },
                         [](Litmus& run) { (void)run; }})
                .size(),
            1U);
}

Outcomes independent_reads(memory_order stores, memory_order loads, const Litmus::Body& between) {
  return outcomes_of({[=](Litmus& run) { store(run.x, 1, stores); },
                      [=](Litmus& run) { store(run.y, 1, stores); },
                      [=](Litmus& run) {
                        read(run, 0, run.x, loads);
                        between(run);
                        read(run, 1, run.y, loads);
                      },
                      [=](Litmus& run) {
                        read(run, 2, run.y, loads);
                        between(run);
                        read(run, 3, run.x, loads);
                      }});
}

TEST(Litmus, IndependentReadersMayDisagreeAboutTheOrderOfWrites) {
  const Outcomes found = independent_reads(memory_order_release, memory_order_acquire, nothing);
  EXPECT_EQ(found.size(), 16U);
  EXPECT_TRUE(found.contains("1010"));
}
TEST(Litmus, IndependentReadersAgreeIfSequentiallyConsistent) {
  const Outcomes by_order = independent_reads(memory_order_seq_cst, memory_order_seq_cst, nothing);
  EXPECT_EQ(by_order.size(), 15U);
  EXPECT_FALSE(by_order.contains("1010"));
  const Outcomes by_fence =
      independent_reads(memory_order_relaxed, memory_order_relaxed, full_fence);
  EXPECT_EQ(by_fence, by_order);
}

TEST(Litmus, OneWordNeverGoesBack) {
  EXPECT_EQ(outcomes_of({[](Litmus& run) {
                           store(run.x, 1, memory_order_relaxed);
                           store(run.x, 2, memory_order_relaxed);
                         },
                         [](Litmus& run) {
                           read(run, 0, run.x, memory_order_relaxed);
                           read(run, 1, run.x, memory_order_relaxed);
                         }}),
            (Outcomes{"00", "01", "02", "11", "12", "22"}));
}

TEST(Litmus, OneSeesWhatItStored) {
  EXPECT_EQ(outcomes_of({[](Litmus& run) {
                           store(run.x, 1, memory_order_relaxed);
                           read(run, 0, run.x, memory_order_relaxed);
                         },
                         [](Litmus& run) { store(run.x, 2, memory_order_relaxed); }}),
            (Outcomes{"1", "2"}));
}

TEST(Litmus, CausalityIsTransitive) {
  EXPECT_EQ(outcomes_of({[](Litmus& run) { store(run.x, 1, memory_order_relaxed); },
                         [](Litmus& run) {
                           read(run, 0, run.x, memory_order_relaxed);
                           store(run.y, 1, memory_order_release);
                         },
                         [](Litmus& run) {
                           read(run, 1, run.y, memory_order_acquire);
                           read(run, 2, run.x, memory_order_relaxed);
                         }}),
            (Outcomes{"000", "001", "010", "011", "100", "101", "111"}));
}

// --- release sequences: x is the data, y the flag ----------------------------------------------

Outcomes release_sequence(const Litmus::Body& second) {
  Outcomes data;
  for (const std::string& outcome : outcomes_of({[](Litmus& run) {
                                                   store(run.x, 1, memory_order_relaxed);
                                                   store(run.y, 1, memory_order_release);
                                                 },
                                                 second,
                                                 [](Litmus& run) {
                                                   read(run, 0, run.y, memory_order_acquire);
                                                   read(run, 1, run.x, memory_order_relaxed);
                                                 }})) {
    if (outcome[0] == '2') data.insert(outcome);
  }
  return data;
}

TEST(Litmus, ReadModifyWriteContinuesAReleaseSequence) {
  EXPECT_EQ(release_sequence([](Litmus& run) { exchange(run.y, 1, 2, memory_order_relaxed); }),
            (Outcomes{"21"}));
}
TEST(Litmus, StoreEndsAReleaseSequence) {
  EXPECT_EQ(release_sequence([](Litmus& run) {
              if (load(run.y, memory_order_relaxed) == 1) store(run.y, 2, memory_order_relaxed);
            }),
            (Outcomes{"20", "21"}));
}

TEST(Litmus, ReadModifyWriteIsAtomic) {
  const auto increment = [](Litmus& run) {
    std::uint64_t seen = load(run.x, memory_order_relaxed);
    while (!SimulatedAtomics::compare_exchange(*run.x, seen, seen + 1, memory_order_relaxed,
                                               memory_order_relaxed, kNoEdge)) {
    }
    require(seen < 2, "one too many");
  };
  Outcomes outcomes;
  const Report report = run_all({increment, increment,
                                 [](Litmus& run) {
                                   while (load(run.x, memory_order_acquire) != 2) {
                                     SimulatedAtomics::pause();
                                   }
                                 }},
                                outcomes);
  EXPECT_FALSE(report.finding) << *report.finding;
}

}  // namespace
}  // namespace ringbell::model
