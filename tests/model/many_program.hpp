// What the programs over the broadcast rings of many writers have in common: writers, the first of
// which may die, and what stands at each position in the end.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {

// The writers are the first threads, the readers the last ones.
struct ManyCrew {
  std::size_t writers;
  std::size_t readers;
  std::uint64_t messages_each;  // of a writer
  std::uint32_t batch;
  bool aborts;  // each writer's first claim
  bool dies;    // the first writer may
};

// A message's number has its writer and its count.
class ManyWritersProgram : public Program {
 public:
  explicit ManyWritersProgram(const ManyCrew& crew) : crew_(crew) {}

  [[nodiscard]] std::size_t threads() const override { return crew_.writers + crew_.readers; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return is_writer(thread) ? "writer" : "reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return crew_.dies && thread == 1;
  }

  void begin() override { ended_ = Execution::current().shared<std::uint64_t>(kMaxThreads); }
  void run(std::size_t thread) override {
    if (!is_writer(thread)) return read(thread);
    write(thread);
    if (crew_.dies) {
      SimulatedAtomics::store(ended_[thread], std::uint64_t{1}, std::memory_order_release, kNoEdge);
    }
  }

 protected:
  static constexpr std::size_t kMostPositions = 12;
  using Positions = std::array<std::uint64_t, kMostPositions>;

  virtual void write(std::size_t thread) = 0;
  virtual void read(std::size_t thread) = 0;

  [[nodiscard]] bool is_writer(std::size_t thread) const { return thread <= crew_.writers; }
  [[nodiscard]] std::size_t first_reader() const { return crew_.writers + 1; }
  // Where no writer can die: up to where they write.
  [[nodiscard]] std::uint64_t positions() const {
    return crew_.writers * (crew_.messages_each + (crew_.aborts ? 1 : 0));
  }

  // As a participant that has waited for long does; once is enough, as one at most dies.
  template <class Recover>
  void look_for_the_dead(std::size_t self, std::size_t in_the_way, Recover&& recover) {
    if (in_the_way == 0 || !may_die(in_the_way) || has_recovered_[self]) return;
    if (!is_dead(in_the_way)) return;
    recover([in_the_way](core::ParticipantId id) { return id == in_the_way; });
    has_recovered_[self] = true;
  }

  // All messages of that thread: put(i, number) stores the i-th of those that are claimed.
  template <class Writer, class Put>
  void write_all(std::size_t thread, Writer& writer, Put&& put) {
    bool aborts = crew_.aborts;
    for (std::uint64_t count = 1; count <= crew_.messages_each;) {
      const auto wanted = static_cast<std::uint32_t>(
          aborts ? 1 : std::min<std::uint64_t>(crew_.batch, crew_.messages_each - count + 1));
      const std::uint32_t claimed = writer.claim(wanted);
      require(!writer.corrupt(), "the writer takes the ring for corrupt");
      if (claimed == 0) {
        look_for_the_dead(thread, writer.waits_for(),
                          [&](auto is_dead) { (void)writer.recover(is_dead); });
        SimulatedAtomics::pause();
        continue;
      }
      for (std::uint32_t i = 0; i < claimed; ++i) {
        put(i, thread * kPerWriter + (aborts ? kAborted : count + i));
      }
      const std::uint64_t position = writer.position();
      if (std::exchange(aborts, false)) {
        require(writer.abort(), "evicted, though alive");
        continue;
      }
      require(writer.commit(), "evicted, though alive");
      for (std::uint32_t i = 0; i < claimed; ++i, ++count) {
        committed_.at(position + i) = thread * kPerWriter + count;
        last_[thread] = count;
      }
    }
  }
  [[nodiscard]] bool all_writers_are_gone() const {
    for (std::size_t writer = 1; writer <= crew_.writers; ++writer) {
      const bool ended =
          SimulatedAtomics::load(ended_[writer], std::memory_order_acquire, kNoEdge) != 0;
      if (!ended && !(may_die(writer) && is_dead(writer))) return false;
    }
    return true;
  }

  // What was committed at that position; 0: nothing was.
  [[nodiscard]] std::uint64_t committed(std::uint64_t position) const {
    return committed_.at(position);
  }
  // What a reader got there, which may be nothing, is what was committed.
  void expect_committed(std::uint64_t position, std::uint64_t seen) const {
    const std::uint64_t due = committed(position);
    // A writer that died may have committed one, and had no time to say so.
    const bool untold = crew_.dies && due == 0 && seen == kPerWriter + last_[1] + 1;
    require(seen == due || untold,
            fmt::format("at position {} a reader got {} in place of {}", position, seen, due));
  }

 private:
  static constexpr std::uint64_t kPerWriter = 100;
  static constexpr std::uint64_t kAborted = 90;

  ManyCrew crew_;
  std::uint64_t* ended_ = nullptr;
  Positions committed_{};
  std::array<std::uint64_t, kMaxThreads> last_{};  // count of each writer's last message
  std::array<bool, kMaxThreads> has_recovered_{};
};

}  // namespace ringbell::model
