// Several that sleep on one word (core/shared_parking.hpp) until each has seen all that was
// published: none sleeps for ever, with the heavy barrier, with fences, with fences that are
// borrowed and taken back, with a death among them.
#include <string>
#include <utility>
#include <vector>

#include <ringbell/core/shared_parking.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using Parking = core::SharedParking<SimulatedAtomics>;
using Order = Parking::Order;
constexpr Order kLoan = Order::loan;

constexpr core::Edge kProgram{"program"};

struct Means {
  Order first = Order::barrier;
  Order others = Order::barrier;
  std::size_t publishers = 1;
  bool must_fence = false;  // the publishers' process is not registered for the barrier
  bool sleeper_dies = false;
  bool lends_at_once = false;  // a fault: the loan is told of before its barrier
};

// Each publisher publishes 1, 2 and so on; the others wait until they have seen the last of each. A
// publisher that has fenced in vain takes the fences back at once.
class Audience : public Program {
 public:
  Audience(std::size_t sleepers, std::uint64_t messages, Means means)
      : sleepers_(sleepers), messages_(messages), means_(means) {}

  [[nodiscard]] std::size_t threads() const override { return means_.publishers + sleepers_; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return is_publisher(thread) ? "publisher" : "sleeper";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return means_.sleeper_dies && thread == first_sleeper();
  }

  void begin() override {
    bell_ = Execution::current().shared<std::uint32_t>();
    published_ = Execution::current().shared<std::uint64_t>(means_.publishers);
    Parking::open(*bell_, means_.first);
    Parking::open(*bell_, means_.others);
  }

  void run(std::size_t thread) override {
    if (is_publisher(thread)) {
      publish(published_[thread - 1]);
    } else {
      wait(thread == first_sleeper() ? means_.first : means_.others);
    }
  }

 private:
  [[nodiscard]] bool is_publisher(std::size_t thread) const { return thread <= means_.publishers; }
  [[nodiscard]] std::size_t first_sleeper() const { return means_.publishers + 1; }

  void publish(std::uint64_t& published) {
    for (std::uint64_t number = 1; number <= messages_; ++number) {
      SimulatedAtomics::store(published, number, std::memory_order_release, kProgram);
      if (!Parking::any_parked(*bell_, means_.must_fence)) continue;
      const bool rung = Parking::ring(*bell_, [&] {
        Execution::current().futex_wake({bell_, sizeof *bell_});
      });
      if (!rung) Parking::take_fences_back(*bell_);
    }
  }

  // One after the other, so that it sleeps again after having been woken.
  void wait(Order order) {
    for (std::uint64_t number = 1; number <= messages_; ++number) {
      for (std::size_t i = 0; i < means_.publishers; ++i) wait_for(published_[i], number, order);
    }
  }

  void wait_for(const std::uint64_t& published, std::uint64_t number, Order order) {
    const auto is_there = [&] {
      return SimulatedAtomics::load(published, std::memory_order_acquire, kProgram) >= number;
    };
    while (!is_there()) {
      bool owes_barrier = false;
      const std::uint32_t parked = Parking::park(*bell_, order, [&] {
        owes_barrier = means_.lends_at_once;
        return owes_barrier || heavy_barrier();
      });
      if (owes_barrier) heavy_barrier();
      if (!is_there()) Execution::current().futex_wait({bell_, sizeof *bell_}, parked, false);
    }
  }

  std::size_t sleepers_;
  std::uint64_t messages_;
  Means means_;
  std::uint32_t* bell_ = nullptr;
  std::uint64_t* published_ = nullptr;
};

Scenario audience(const char* name, std::size_t sleepers, std::uint64_t messages, Means means) {
  const Bounds full{.preemptions = 3, .stale_loads = 3, .deaths = means.sleeper_dies ? 1 : 0};
  // On loan there are many runs if one dies, or two publish.
  const bool has_many = means.publishers > 1 || (means.sleeper_dies && means.first == kLoan);
  const int few = has_many ? 1 : 2;
  const Bounds quick{.preemptions = few, .stale_loads = few, .deaths = means.sleeper_dies ? 1 : 0};
  return {"SharedParking", name, program<Audience>(sleepers, messages, means), quick, full};
}

}  // namespace

std::vector<Scenario> shared_parking_scenarios() {
  std::vector<Scenario> all{
      audience("two by the barrier", 2, 2, {}),
      audience("two by fences", 2, 2, {.first = Order::fences, .others = Order::fences}),
      audience("one each way", 2, 2, {.first = Order::fences}),
      audience("two on loan", 2, 2, {.first = kLoan, .others = kLoan}),
      audience("one on loan, two publishers", 1, 2, {.first = kLoan, .publishers = 2}),
      audience("one on loan, one by the barrier", 2, 2, {.first = kLoan}),
      audience("one on loan, one by fences", 2, 2, {.first = kLoan, .others = Order::fences}),
      audience("one on loan, over and over", 1, 4, {.first = kLoan}),
      audience("the publisher is not registered", 2, 2, {.must_fence = true}),
      audience("the publisher is not registered, loan", 2, 2,
               {.first = kLoan, .others = kLoan, .must_fence = true}),
      audience("a sleeper dies", 2, 2, {.sleeper_dies = true}),
      audience("one on loan dies", 2, 2, {.first = kLoan, .others = kLoan, .sleeper_dies = true}),
      audience("three by the barrier", 3, 1, {}),
  };
  for (Scenario& scenario : crowd_scenarios()) all.push_back(std::move(scenario));
  return all;
}

Scenario loan_before_its_barrier() {
  return audience("lent before the barrier", 2, 1,
                  {.first = kLoan, .others = kLoan, .lends_at_once = true});
}

}  // namespace ringbell::model
