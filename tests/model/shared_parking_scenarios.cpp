// Several that sleep on one word (core/shared_parking.hpp) until each has seen all that was
// published: none sleeps for ever, with the heavy barrier, with fences, with a death among them.
#include <string>
#include <utility>
#include <vector>

#include <ringbell/core/shared_parking.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using Parking = core::SharedParking<SimulatedAtomics>;

constexpr core::Edge kProgram{"program"};
constexpr std::size_t kPublisher = 1;
constexpr std::size_t kFirstSleeper = 2;

// One thread publishes 1, 2 and so on; the others wait until they have seen the last one.
class Audience : public Program {
 public:
  struct Means {
    bool first_by_barrier = true;
    bool others_by_barrier = true;
    bool must_fence = false;  // the publisher's process is not registered for the barrier
    bool sleeper_dies = false;
  };
  Audience(std::size_t sleepers, std::uint64_t messages, Means means)
      : sleepers_(sleepers), messages_(messages), means_(means) {}

  [[nodiscard]] std::size_t threads() const override { return sleepers_ + 1; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kPublisher ? "publisher" : "sleeper";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return means_.sleeper_dies && thread == kFirstSleeper;
  }

  void begin() override {
    bell_ = Execution::current().shared<std::uint32_t>();
    published_ = Execution::current().shared<std::uint64_t>();
    Parking::open(*bell_, means_.first_by_barrier);
    Parking::open(*bell_, means_.others_by_barrier);
  }

  void run(std::size_t thread) override {
    if (thread == kPublisher) {
      publish();
    } else {
      wait(thread == kFirstSleeper ? means_.first_by_barrier : means_.others_by_barrier);
    }
  }

 private:
  void publish() {
    for (std::uint64_t number = 1; number <= messages_; ++number) {
      SimulatedAtomics::store(*published_, number, std::memory_order_release, kProgram);
      if (!Parking::any_parked(*bell_, means_.must_fence)) continue;
      Parking::ring(*bell_, [&] { Execution::current().futex_wake({bell_, sizeof *bell_}); });
    }
  }

  // One after the other, so that it sleeps again after having been woken.
  void wait(bool by_barrier) {
    for (std::uint64_t number = 1; number <= messages_; ++number) {
      const auto is_there = [&] {
        return SimulatedAtomics::load(*published_, std::memory_order_acquire, kProgram) >= number;
      };
      while (!is_there()) {
        const std::uint32_t parked = Parking::park(*bell_, by_barrier, heavy_barrier);
        if (!is_there()) Execution::current().futex_wait({bell_, sizeof *bell_}, parked, false);
      }
    }
  }

  std::size_t sleepers_;
  std::uint64_t messages_;
  Means means_;
  std::uint32_t* bell_ = nullptr;
  std::uint64_t* published_ = nullptr;
};

}  // namespace

std::vector<Scenario> shared_parking_scenarios() {
  const auto audience = [](const char* name, std::size_t sleepers, std::uint64_t messages,
                           Audience::Means means) {
    const Bounds full{.preemptions = 3, .stale_loads = 3, .deaths = means.sleeper_dies ? 1 : 0};
    const Bounds quick{.preemptions = 2, .stale_loads = 2, .deaths = means.sleeper_dies ? 1 : 0};
    return Scenario{"SharedParking", name, program<Audience>(sleepers, messages, means), quick,
                    full};
  };
  std::vector<Scenario> all{
      audience("two by the barrier", 2, 2, {}),
      audience("two by fences", 2, 2, {.first_by_barrier = false, .others_by_barrier = false}),
      audience("one each way", 2, 2, {.first_by_barrier = false}),
      audience("the publisher is not registered", 2, 2, {.must_fence = true}),
      audience("a sleeper dies", 2, 2, {.sleeper_dies = true}),
      audience("three by the barrier", 3, 1, {}),
  };
  for (Scenario& scenario : crowd_scenarios()) all.push_back(std::move(scenario));
  return all;
}

}  // namespace ringbell::model
