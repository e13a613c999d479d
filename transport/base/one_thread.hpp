// An end is for one thread at a time. A build with assertions notices two threads in one: what the
// second calls ends the process there. Without assertions nothing is stored or looked at; the word
// is there all the same, so that an end is of the same size in each build.
#pragma once

#include <atomic>
#include <cassert>

namespace ringbell {

// Stands in what may be moved: no thread is in it then.
class OneThread {
 public:
#ifdef NDEBUG
  static constexpr bool kNotices = false;
#else
  static constexpr bool kNotices = true;
#endif

  OneThread() noexcept = default;
  OneThread(OneThread&& /*other*/) noexcept {}
  OneThread& operator=(OneThread&& /*other*/) noexcept { return *this; }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() = default;

  // While it lives, the calling thread is in the end. Its calls may stand in each other: of a
  // handler that drain() calls, for example.
  template <bool notices>
  class Inside;

 private:
  // Relaxed: nothing is read by what is found here, and a process that may be wrong is ended, not
  // mended. The address of a variable that each thread has tells them apart.
  mutable std::atomic<const void*> inside_ = nullptr;
};

template <>
class OneThread::Inside<false> {
 public:
  explicit Inside(const OneThread& /*end*/) noexcept {}
};

template <>
class OneThread::Inside<true> {
 public:
  explicit Inside(const OneThread& end) noexcept : end_(end), is_first_(enter(end)) {}
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    if (is_first_) end_.inside_.store(nullptr, std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] static bool enter(const OneThread& end) noexcept {
    const void* by = nullptr;
    const bool is_first =
        end.inside_.compare_exchange_strong(by, self(), std::memory_order_relaxed);
    assert((is_first || by == self()) && "two threads are in one end at a time");
    return is_first;
  }
  [[nodiscard]] static const void* self() noexcept {
    static thread_local const char here = 0;
    return &here;
  }

  const OneThread& end_;
  bool is_first_;
};

// Of calls, as this build has them.
using OneThreadInside = OneThread::Inside<OneThread::kNotices>;

}  // namespace ringbell
