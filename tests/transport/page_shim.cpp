// A machine whose pages have 16 or 64 KiB, for a program on one whose pages are smaller: loaded by
// LD_PRELOAD, with $RINGBELL_PAGE_BYTES. What such a kernel refuses is refused: addresses and
// offsets that are no multiples of a page. What it gives begins at one.
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::size_t page() noexcept {
  static const std::size_t bytes = [] {
    const char* const told = std::getenv("RINGBELL_PAGE_BYTES");
    return told != nullptr ? std::strtoul(told, nullptr, 10) : 4096UL;
  }();
  return bytes;
}

std::uintptr_t number_of(const void* at) noexcept { return reinterpret_cast<std::uintptr_t>(at); }
bool is_odd(std::uintptr_t number) noexcept { return number % page() != 0; }
std::size_t whole(std::size_t bytes) noexcept { return (bytes + page() - 1) / page() * page(); }

int refuse() noexcept {
  errno = EINVAL;
  return -1;
}
void* refuse_map() noexcept {
  errno = EINVAL;
  return MAP_FAILED;
}

void* map(void* at, std::size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  return reinterpret_cast<void*>(::syscall(SYS_mmap, at, bytes, protection, flags, fd, offset));
}

}  // namespace

extern "C" {

long sysconf(int name) noexcept {
  if (name == _SC_PAGESIZE) return static_cast<long>(page());
  static const auto real = reinterpret_cast<long (*)(int)>(::dlsym(RTLD_NEXT, "sysconf"));
  return real(name);
}

int getpagesize() noexcept { return static_cast<int>(page()); }

void* mmap(void* at, std::size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  if (is_odd(static_cast<std::uintptr_t>(offset))) return refuse_map();
  if ((flags & MAP_FIXED) != 0) {
    return is_odd(number_of(at)) ? refuse_map()
                                 : map(at, whole(bytes), protection, flags, fd, offset);
  }
  const std::size_t length = whole(bytes);
  auto* const hole = static_cast<std::byte*>(
      map(nullptr, length + page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (hole == MAP_FAILED) return hole;
  const std::size_t before = whole(number_of(hole)) - number_of(hole);
  if (before > 0) ::syscall(SYS_munmap, hole, before);
  ::syscall(SYS_munmap, hole + before + length, page() - before);
  return map(hole + before, length, protection, flags | MAP_FIXED, fd, offset);
}

void* mmap64(void* at, std::size_t bytes, int protection, int flags, int fd,
             off64_t offset) noexcept {
  return mmap(at, bytes, protection, flags, fd, offset);
}

int munmap(void* at, std::size_t bytes) noexcept {
  if (is_odd(number_of(at))) return refuse();
  return static_cast<int>(::syscall(SYS_munmap, at, whole(bytes)));
}

void* mremap(void* at, std::size_t old_bytes, std::size_t bytes, int flags, ...) noexcept {
  va_list more;
  va_start(more, flags);
  void* const to = (flags & MREMAP_FIXED) != 0 ? va_arg(more, void*) : nullptr;
  va_end(more);
  if (is_odd(number_of(at)) || is_odd(number_of(to))) return refuse_map();
  return reinterpret_cast<void*>(
      ::syscall(SYS_mremap, at, whole(old_bytes), whole(bytes), flags, to));
}

int mprotect(void* at, std::size_t bytes, int protection) noexcept {
  if (is_odd(number_of(at))) return refuse();
  return static_cast<int>(::syscall(SYS_mprotect, at, whole(bytes), protection));
}

int madvise(void* at, std::size_t bytes, int advice) noexcept {
  if (is_odd(number_of(at))) return refuse();
  return static_cast<int>(::syscall(SYS_madvise, at, whole(bytes), advice));
}

int msync(void* at, std::size_t bytes, int flags) {
  if (is_odd(number_of(at))) return refuse();
  return static_cast<int>(::syscall(SYS_msync, at, bytes, flags));
}

void* shmat(int segment, const void* at, int flags) noexcept {
  if (is_odd(number_of(at))) return refuse_map();
  return reinterpret_cast<void*>(::syscall(SYS_shmat, segment, at, flags));
}

}  // extern "C"
