/* What kernel/ring.c needs of the kernel, for a process: so the very same code runs in these tests,
   beside core's and under the sanitizers. */
#ifndef RINGBELL_TESTS_KERNEL_WORDS_H
#define RINGBELL_TESTS_KERNEL_WORDS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define U32_MAX UINT32_MAX
#define EXPORT_SYMBOL_GPL(name) struct rb_exported
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define READ_ONCE(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define WRITE_ONCE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELAXED)
#define smp_load_acquire(word) __atomic_load_n(word, __ATOMIC_ACQUIRE)
#define smp_store_release(word, value) __atomic_store_n(word, value, __ATOMIC_RELEASE)
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xchg(word, value) __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST)
#define cmpxchg(word, expected, desired) __sync_val_compare_and_swap(word, expected, desired)
#define cond_resched() ((void)0)

typedef u64 phys_addr_t;
typedef u64 vm_flags_t;
struct vm_area_struct {
  vm_flags_t vm_flags;
};
struct list_head {
  struct list_head *next, *prev;
};

static inline void* ERR_PTR(long error) { return (void*)error; }

/* poll() is tested with the device. */
struct wait_queue_head {
  u32 woken;
};
#define EPOLLIN 0
#define EPOLLRDNORM 0
#define EPOLLOUT 0
#define EPOLLWRNORM 0
static inline void wake_up_poll(struct wait_queue_head* sleepers, int why) {
  sleepers->woken += 1 + (u32)why;
}

struct eventfd_ctx {
  u64 count;
};
static inline u64 eventfd_signal(struct eventfd_ctx* eventfd, u64 count) {
  return eventfd->count += count;
}

#endif
