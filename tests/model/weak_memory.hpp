// Memory as C++20 promises it and no stronger, for the explorer (explorer.hpp).
//
// Each location keeps every value ever stored to it, in modification order: a list of messages. A
// thread has a view: for each location the oldest message that it may still return. A load picks
// any message from there on. A message carries what its writer released with it, and an acquire
// load joins that to its own view. This is the view machine of Kang et al. ("A promising semantics
// for relaxed-memory concurrency", POPL 2017) without promises, cut down to what a search can
// afford:
//   - A store becomes the last of its location's modification order at once, so the outcome of 2+2W
//     that C++ allows is not produced.
//   - A load never returns a value that is stored later in the run (no load buffering). HotSpot,
//     gcc and clang do not produce it either.
//   - A seq_cst access is a seq_cst fence and then the access (the caller sees to that), which is
//     no weaker than what compilers make of it for x86 and AArch64.
// Next to the views run vector clocks for happens-before proper (fences that meet only in the order
// of seq_cst do not synchronise), and they find data races: two accesses of one location, one of
// them a store, one of them not atomic, neither before the other.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringbell::model {

inline constexpr std::size_t kMaxThreads = 6;     // thread 0 runs before and after the others
inline constexpr std::size_t kMaxLocations = 64;  // words that one execution touches
inline constexpr std::size_t kMaxMessages = 250;  // stores to one word, so that a view is bytes

// The oldest message of each location that may still be read.
using View = std::array<std::uint8_t, kMaxLocations>;
// How many steps of each thread happened before.
using Clock = std::array<std::uint16_t, kMaxThreads>;

// Whether an access is made through the Atomics policy or is the payload's, which nothing guards.
enum class Kind : std::uint8_t { atomic, plain };

class WeakMemory {
 public:
  // Forgets everything; `threads` of them know nothing.
  void reset(std::size_t threads);

  // Whether one more location, and one more message at each, would still fit.
  [[nodiscard]] bool has_room() const { return used_ < kMaxLocations && longest_ < kMaxMessages; }

  // The location of a word, new if it was not touched before: its first message is `initial`.
  // REQUIRES, as do the stores below: has_room().
  [[nodiscard]] std::size_t location(std::size_t word, std::uint64_t initial);

  // A load of `location` by `thread` may return the messages [oldest, newest].
  [[nodiscard]] std::size_t oldest(std::size_t thread, std::size_t location) const {
    return threads_[thread].now.view[location];
  }
  [[nodiscard]] std::size_t newest(std::size_t location) const {
    return locations_[location].messages.size() - 1;
  }
  [[nodiscard]] std::uint64_t value(std::size_t location, std::size_t message) const {
    return locations_[location].messages[message].value;
  }
  // The identity of a message that was read: a number that no other one has.
  [[nodiscard]] std::uint32_t identity(std::size_t location, std::size_t message) const {
    return locations_[location].messages[message].identity;
  }

  // The operations; a seq_cst access counts as acquire or release. `racy()` afterwards says whether
  // one raced with an earlier one.
  void read(std::size_t thread, std::size_t location, std::size_t message, std::memory_order order,
            Kind kind);
  void write(std::size_t thread, std::size_t location, std::uint64_t value, std::memory_order order,
             Kind kind);
  // Reads the newest message and stores behind it, with nothing in between.
  void read_and_write(std::size_t thread, std::size_t location, std::uint64_t value,
                      std::memory_order order);
  void fence(std::size_t thread, std::memory_order order);
  // membarrier(2): a seq_cst fence in every thread, wherever it is.
  void heavy_barrier();
  // `thread` learns everything that `from` knows: a fork, a join, a kernel lock that fell.
  void follow(std::size_t thread, std::size_t from);

  [[nodiscard]] bool racy() const { return racy_; }

 private:
  struct Knowledge {
    View view{};
    Clock clock{};
    void join(const Knowledge& other);
  };
  struct Message {
    std::uint64_t value = 0;
    std::uint32_t identity = 0;
    Knowledge released;  // what an acquire load of it learns
  };
  struct Location {
    std::vector<Message> messages;
    std::array<Clock, 2> reads{};   // by Kind: the last step of each thread that read
    std::array<Clock, 2> writes{};  // and wrote
  };
  struct Thread {
    Knowledge now;
    Knowledge at_acquire_fence;  // what relaxed loads read: known after the next acquire fence
    Knowledge at_release_fence;  // what relaxed stores release
  };

  void check_races(std::size_t thread, const Location& location, bool writes, Kind kind);
  void append(Thread& thread, std::size_t number, std::size_t location, std::uint64_t value,
              bool releases, const Knowledge* continued);

  std::array<Location, kMaxLocations> locations_;
  std::size_t used_ = 0;
  std::size_t longest_ = 0;
  std::vector<std::uint8_t> location_of_word_;
  std::vector<std::size_t> words_;
  std::array<Thread, kMaxThreads> threads_;
  std::size_t thread_count_ = 0;
  View sequential_{};  // what seq_cst fences have seen, in their order
  bool racy_ = false;
};

}  // namespace ringbell::model
