// What ThreadSanitizer is told, in its builds only: that a release store and an acquire load are of
// one word, although the two ends of a ring have it at two addresses.
//
// Mappings begin at pages, so a word has the same place in its page in each of them. Words at the
// same place share a key: TSan may see an edge too many, and miss a race between threads that use
// two rings; it never sees one too few.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_THREAD__)
#define RINGBELL_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RINGBELL_THREAD_SANITIZER 1
#endif
#endif

#if defined(RINGBELL_THREAD_SANITIZER)
// As <sanitizer/tsan_interface.h> has them.
extern "C" void __tsan_acquire(void* key);  // NOLINT(bugprone-reserved-identifier)
extern "C" void __tsan_release(void* key);  // NOLINT(bugprone-reserved-identifier)
#endif

namespace ringbell::core::thread_sanitizer {

#if defined(RINGBELL_THREAD_SANITIZER)
inline constexpr bool kWatches = true;
inline std::uint64_t keys[4096 / sizeof(std::uint64_t)];

inline void* key_of(const void* word) noexcept {
  return &keys[reinterpret_cast<std::uintptr_t>(word) % sizeof keys / sizeof keys[0]];
}
// All that this thread did is seen by one that acquired() the word after it.
inline void releases(const void* word) noexcept { __tsan_release(key_of(word)); }
inline void acquired(const void* word) noexcept { __tsan_acquire(key_of(word)); }
#else
inline constexpr bool kWatches = false;
void releases(const void* word) noexcept;  // nothing calls them
void acquired(const void* word) noexcept;
#endif

#undef RINGBELL_THREAD_SANITIZER

}  // namespace ringbell::core::thread_sanitizer
