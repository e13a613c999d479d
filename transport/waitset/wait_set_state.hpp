// What stands behind a WaitSet: what was added, and how it is looked at and slept on.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/sleep/doorbell.hpp>
#include <ringbell/transport/sleep/futex_words.hpp>
#include <ringbell/transport/sleep/parker.hpp>
#include <ringbell/transport/waitset/descriptor_watch.hpp>
#include <ringbell/transport/waitset/wait_set.hpp>

namespace ringbell {

class WaitSetState {
 public:
  using Id = WaitSet::Id;
  using Event = WaitSet::Event;

  [[nodiscard]] static Result<std::unique_ptr<WaitSetState>> create(const WaitSetOptions& options);

  [[nodiscard]] Result<Id> add(std::unique_ptr<WaitedEnd> waited);
  [[nodiscard]] Result<Id> add(int fd, unsigned events);
  [[nodiscard]] Id add_timer(Timeout first, Timeout interval);
  void remove(Id id) noexcept;
  [[nodiscard]] bool contains(Id id) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] Result<std::span<const Event>> wait(Timeout timeout);
  void interrupt() noexcept;
  [[nodiscard]] Stats stats() const noexcept;
  [[nodiscard]] bool is_of_this_process() const noexcept;

 private:
  using Found = WaitedEnd::Found;

  struct End {
    Id id;
    std::unique_ptr<WaitedEnd> end;
    int fd = -1;                // -1: it is slept on by its word
    SleepingPlace place{};      // as of the last arm()
    bool is_armed = false;      // S1: and was not seen rung since
    bool was_readable = false;  // its descriptor, since it was armed last
    bool naps = false;          // it can neither be armed nor has it anything
    Found found = Found::nothing;
  };
  struct Descriptor {
    Id id;
    int fd;
  };
  struct Timer {
    Id id;
    SteadyTime due;
    Timeout interval;
  };
  // What is waited for, in the form that Waiter and Parker ask for.
  struct Everything;

  explicit WaitSetState(const WaitSetOptions& options) noexcept;

  [[nodiscard]] Result<void> register_end(End& end);
  // The thread that polls, once there are words and descriptors.
  [[nodiscard]] Result<void> start_thread_if_mixed(std::size_t words, bool has_descriptors);
  [[nodiscard]] End* end_of_id(Id id) noexcept;

  [[nodiscard]] bool arm(End& end);
  void look_at(End& end);
  void look_at_all();
  // Whether one of them is ready: level-triggered ones that were told are looked at by the next
  // wait.
  [[nodiscard]] bool anything();
  // Whether one is ready, an end's bell included.
  [[nodiscard]] bool look_at_descriptors() noexcept;
  [[nodiscard]] std::uint32_t arm_all();
  void sleep(std::uint32_t seen, Timeout longest);
  void look_after_peers();
  [[nodiscard]] SteadyTime next_due() const noexcept;
  void collect();
  void collect_timers();

  Parker parker_;
  Doorbell futex_{core::DoorbellKind::futex};
  std::unique_ptr<DescriptorWatch> watch_;
  std::vector<std::unique_ptr<End>> ends_;  // by id
  std::vector<Descriptor> descriptors_;
  std::vector<Timer> timers_;
  std::vector<Event> events_;       // the last wait's
  std::vector<Event> readable_;     // descriptors, as they were last looked at
  std::vector<futex::Word> words_;  // that are slept on
  SteadyTime next_look_;            // when the peers are next asked after
  Id last_id_ = 0;
  std::size_t most_words_;
  std::size_t word_ends_ = 0;
  std::uint64_t missed_rings_ = 0;
  std::uint32_t looks_ = 0;
  std::uint32_t bell_ = 0;  // S2: counted by interrupt() and by the thread of watch_
  int owner_pid_;
};

}  // namespace ringbell
