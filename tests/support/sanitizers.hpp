// Whether this is a sanitizer build: stress tests then do less, and some system calls are not what
// they are elsewhere (the runtimes make mlock(2) do nothing).
#pragma once

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define RINGBELL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define RINGBELL_SANITIZED 1
#endif
#endif
#ifndef RINGBELL_SANITIZED
#define RINGBELL_SANITIZED 0
#endif

namespace ringbell::test {

inline constexpr bool kSanitized = RINGBELL_SANITIZED != 0;

}  // namespace ringbell::test
