// A call of which each allocation fails once: in C it returns RINGBELL_NO_SPACE, in C++ it throws
// std::bad_alloc. The operator new is out_of_memory_test.cpp's.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.h>

#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>

namespace ringbell::test {

// So many allocations of this thread succeed, then one fails. Negative: none fails.
extern thread_local constinit int allocations_left;
extern thread_local constinit bool failed;

// What came of a call in C++, as a code. What it made goes while no allocation fails.
inline constexpr int kThrown = 1;
template <class Make>
int tried(Make&& make) {
  try {
    const auto made = make();
    allocations_left = -1;
    return made ? 0 : 2;
  } catch (const std::bad_alloc&) {
    return kThrown;
  }
}

// What a function closes.
template <class Handle>
Handle* handle_of(void (*)(Handle*)) {
  return nullptr;
}

class OutOfMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override { failed = false; }
  void TearDown() override { allocations_left = -1; }

  // `call` is made until no allocation of it fails: `refused` for as long, and 0 then. What it made
  // is ended by `end`.
  template <class Call, class End>
  void each_allocation_fails(int refused, Call&& call, End&& end) {
    const std::ptrdiff_t open_before = open_files();
    constexpr int kMost = 2000;
    int number = 0;
    for (; number < kMost; ++number) {
      failed = false;
      allocations_left = number;
      const int code = call();
      allocations_left = -1;
      if (code == 0) end();  // streams may bear it: they read to their end then
      if (!failed) {
        EXPECT_EQ(code, 0);
        break;
      }
      ASSERT_TRUE(code == refused || code == 0) << "allocation " << number << ": " << code;
      ASSERT_TRUE(holds_some || open_files() == open_before) << "allocation " << number;
    }
    EXPECT_LT(number, kMost);
    EXPECT_TRUE(holds_some || open_files() == open_before);
  }

  // The same of a call that does something, once: it is made until it has done so, and no more. A
  // failure that it bears is none.
  template <class Call>
  void each_allocation_fails_until_it_is_done(Call&& call) {
    constexpr int kMost = 2000;
    for (int number = 0; number < kMost; ++number) {
      failed = false;
      allocations_left = number;
      const int code = call();
      allocations_left = -1;
      if (code == RINGBELL_OK) {
        EXPECT_FALSE(failed) << "allocation " << number;
        return;
      }
      ASSERT_TRUE(failed && code == RINGBELL_NO_SPACE) << "allocation " << number << ": " << code;
    }
    FAIL() << "it was never done";
  }

  // The handle, made once no allocation fails.
  template <auto make, auto close, class... How>
  [[nodiscard]] auto makes(const char* name, How... how) {
    ringbell_error error{};
    auto* end = handle_of(close);
    const auto call = [&] { return make(name, how..., nullptr, &end, &error); };
    each_allocation_fails(RINGBELL_NO_SPACE, call, [&] { close(end); });
    EXPECT_EQ(call(), RINGBELL_OK);
    return std::unique_ptr<std::remove_pointer_t<decltype(end)>, decltype(close)>(end, close);
  }

  // The same in C++.
  template <class Make>
  [[nodiscard]] auto makes(Make&& make) {
    each_allocation_fails(
        kThrown, [&] { return tried(make); }, [] {});
    return make().value();
  }

  // A ring without a name belongs to the call that opens an end, whether it succeeds or not.
  template <auto create, auto destroy, auto open, auto close, class... How>
  void opens(How... how) {
    ringbell_error error{};
    auto* ring = handle_of(destroy);
    each_allocation_fails(
        RINGBELL_NO_SPACE, [&] { return create(nullptr, &ring, &error); }, [&] { destroy(ring); });
    auto* end = handle_of(close);
    const auto call = [&] {
      const int left = std::exchange(allocations_left, -1);
      if (create(nullptr, &ring, &error) != RINGBELL_OK) return -1;
      allocations_left = left;
      return open(ring, how..., nullptr, &end, &error);
    };
    each_allocation_fails(RINGBELL_NO_SPACE, call, [&] { close(end); });
  }

  TemporaryNameFolder folder;
  bool holds_some = false;  // files that the call does not close
};

}  // namespace ringbell::test
