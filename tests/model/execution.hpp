// One run of a program: its threads as fibers, its memory, its decisions. explorer.cpp drives it;
// simulated_atomics.hpp is how a program reaches it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>
#include <boost/context/detail/fcontext.hpp>

#include "tests/model/explorer.hpp"
#include "tests/model/mutation.hpp"
#include "tests/model/weak_memory.hpp"

namespace ringbell::model {

// A word of shared memory: where it is and how wide.
struct Word {
  const void* address;
  std::size_t bytes;
};

class Execution {
 public:
  Execution(const Bounds& bounds, const Mutation* mutation);
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;
  ~Execution();

  // The one that the calling fiber belongs to.
  [[nodiscard]] static Execution& current();

  // --- for the explorer ------------------------------------------------------------------------

  enum class Outcome : std::uint8_t { finished, seen_before, redundant, failed };

  Outcome run(Program& program);
  // Makes the next run() differ. False: there is no other.
  [[nodiscard]] bool next();
  // The next run() repeats the last one and writes down each step.
  void retrace();

  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] const std::string& trace() const { return trace_; }
  [[nodiscard]] std::uint64_t states() const { return seen_.size(); }
  [[nodiscard]] const std::set<Site>& sites() const { return sites_; }

  // --- for the program -------------------------------------------------------------------------

  // Zeroed memory that all threads share, the same at each run.
  template <class T>
  [[nodiscard]] T* shared(std::size_t count = 1) {
    return static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
  }

  std::uint64_t load(Word word, std::memory_order order, std::string_view label);
  void store(Word word, std::uint64_t value, std::memory_order order, std::string_view label);
  bool compare_exchange(Word word, std::uint64_t& expected, std::uint64_t desired,
                        std::memory_order success, std::memory_order failure,
                        std::string_view label);
  // Stores what `change` makes of the value that was there, which is returned.
  template <class Change>
  std::uint64_t modify(Word word, std::memory_order order, std::string_view label,
                       Change&& change) {
    const std::uint64_t before = begin_modify(word, order, label);
    end_modify(word, change(before), order, label);
    return before;
  }
  void fence(std::memory_order order, std::string_view label);
  void heavy_barrier();
  // The thread found nothing: others go on until it can find something.
  void pause();

  [[nodiscard]] std::uint64_t plain_load(Word word);
  void plain_store(Word word, std::uint64_t value);

  // Sleeps as long as the word has this value and no thread wakes it. False: it had another value.
  // `times_out`: wakes by itself when no other thread can go on.
  bool futex_wait(Word word, std::uint64_t expected, bool times_out);
  void futex_wake(Word word);
  // Wakes one of those that sleep there, each in some run. False: none does.
  bool futex_wake_one(Word word);
  [[nodiscard]] bool is_dead(std::size_t thread);

  // Ends the run as a finding.
  void fail(std::string what);

 private:
  static constexpr std::size_t kArenaBytes = 16384;
  static constexpr std::size_t kStackBytes = 65536;
  static constexpr std::size_t kWordBytes = 8;
  static constexpr std::size_t kDeathWord = kArenaBytes / kWordBytes;  // and the next ones

  enum class State : std::uint8_t { ready, paused, asleep, ended, dead };

  struct Read {
    std::size_t location;
    std::size_t message;
  };
  struct Fiber {
    boost::context::detail::fcontext_t context{};
    std::unique_ptr<std::byte[]> stack;
    State state = State::ready;
    std::string role;
    std::uint64_t history = 0;       // what it did and read, as a hash
    std::uint64_t round = 0;         // the same since its last pause
    std::uint64_t round_before = 0;  // and of the round before that
    std::vector<Read> reads;         // of the round
    std::size_t sleeps_at = 0;       // the location
    bool times_out = false;
    bool moved = false;   // has made a step
    bool slept = false;   // was woken and has not gone on yet
    bool chosen = false;  // its next step needs no decision any more
  };
  struct Decision {
    std::uint32_t taken;
    std::uint32_t count;
  };
  struct Option {
    std::size_t thread;
    bool dies;
  };

  // A read-modify-write in two halves, with nothing in between.
  std::uint64_t begin_modify(Word word, std::memory_order order, std::string_view label);
  void end_modify(Word word, std::uint64_t value, std::memory_order order, std::string_view label);

  static void enter(boost::context::detail::transfer_t from);

  void* allocate(std::size_t bytes, std::size_t alignment);
  void start(std::size_t thread);
  void resume(std::size_t thread);
  void hand_over();
  // Before a step of the running fiber that others can see. The step must change its history: a
  // state that is as it was at the last decision counts as seen before.
  void decide_who();
  [[nodiscard]] std::size_t choose(std::size_t count);
  std::size_t begin_wake(Word word);
  void wake(std::size_t thread, std::uint64_t by);
  // The message that a load of this location returns.
  [[nodiscard]] std::size_t choose_message(std::size_t location);
  [[nodiscard]] bool may_be_stale() const {
    return !sequential_ && (bounds_.stale_loads < 0 || stale_loads_ < bounds_.stale_loads);
  }

  void run_threads();
  [[nodiscard]] bool can_go_on(const Fiber& fiber) const;
  void collect_options();
  void kill(std::size_t thread);
  [[nodiscard]] bool seen_before();

  [[nodiscard]] std::size_t locate(Word word);
  [[nodiscard]] bool is_left_out(std::string_view label) const;
  [[nodiscard]] std::memory_order effective(std::memory_order order, Operation operation,
                                            std::string_view label);
  void note(std::uint64_t what);
  void note_order(std::uint64_t& order, std::uint64_t what);
  void fence_first(std::memory_order order);
  void note_read(std::size_t location, std::size_t message);
  void note_write(std::size_t location);
  void check_race(Word word, const char* what);
  template <class... T>
  void say(const char* format, const T&... values);

  const Bounds bounds_;
  const Mutation* mutation_;

  Program* program_ = nullptr;
  WeakMemory memory_;
  std::unique_ptr<std::byte[]> arena_;
  std::byte* arena_begin_ = nullptr;
  std::size_t arena_used_ = 0;
  std::array<Fiber, kMaxThreads> fibers_;
  boost::context::detail::fcontext_t explorer_{};
  std::size_t fiber_count_ = 0;
  std::size_t running_ = 0;
  std::size_t last_ = 0;  // the thread of the last step
  bool sequential_ = false;
  std::size_t steps_ = 0;
  int preemptions_ = 0;
  int stale_loads_ = 0;
  int deaths_ = 0;
  Outcome outcome_ = Outcome::finished;
  bool stopped_ = false;

  std::vector<Decision> path_;
  std::size_t depth_ = 0;
  std::vector<Option> options_;
  std::array<std::uint64_t, kMaxLocations> stores_{};  // the order of the stores to a location
  std::array<std::uint64_t, kMaxLocations> word_of_{};
  std::uint64_t fences_ = 0;  // the order of the seq_cst fences
  std::uint64_t state_ = 0;   // the sum of all of these, mixed
  std::unordered_set<std::uint64_t> seen_;

  std::set<Site> sites_;
  std::string failure_;
  std::string trace_;
  bool tracing_ = false;
};

template <class... T>
void Execution::say(const char* format, const T&... values) {
  if (!tracing_) return;
  trace_ += fmt::format("  {:>2} {:<10} {}\n", running_, fibers_[running_].role,
                        fmt::format(fmt::runtime(format), values...));
}

}  // namespace ringbell::model
