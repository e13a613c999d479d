#include <ringbell/transport/memory/anonymous.hpp>

#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>

namespace ringbell::memory::anonymous {

Result<void> place(const Mapping& at, const Images& images) {
  // All pages once, where they are not wanted; then a duplicate of each piece where it is.
  const Result<Mapping> once = Mapping::reserve(images.region_bytes, small_page());
  if (!once) return tl::unexpected(once.error());
  if (::mmap(once->base(), images.region_bytes, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
    return fail_errno(fmt::format("mapping {} bytes of shared memory failed", images.region_bytes),
                      "ask for a smaller capacity, or raise the memory limit of this process");
  }
  const bool placed =
      for_each_piece(images, [&](std::uint64_t where, std::uint64_t bytes, std::uint64_t offset) {
        return ::mremap(once->base() + offset, 0, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                        at.base() + where) != MAP_FAILED;
      });
  if (!placed) return fail_errno("duplicating a mapping of shared memory (mremap) failed");
  return {};
}

}  // namespace ringbell::memory::anonymous
