// The switch behind which every fault of tests/mutants stands: RINGBELL_FAULT is the key of the
// one that is on. Only the copies in build/mutants include this.
#pragma once

#include <cstdlib>
#include <type_traits>

inline bool ringbell_fault_is_on(int key) noexcept {
  static const int chosen = [] {
    const char* const text = std::getenv("RINGBELL_FAULT");
    return text == nullptr ? 0 : std::atoi(text);
  }();
  return chosen == key;
}

constexpr bool ringbell_fault(int key) noexcept {
  if (std::is_constant_evaluated()) {
    return false;
  } else {
    return ringbell_fault_is_on(key);
  }
}
