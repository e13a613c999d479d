#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

#include "tools/command/explain/memory.hpp"
#include "tools/command/explain/pages.hpp"

namespace ringbell::explain {
namespace {

constexpr std::size_t kPages = 16;
constexpr std::size_t kBytes = kPages * kPage;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

FileDescriptor make_memfd(std::size_t bytes) {
  FileDescriptor file(::memfd_create("ringbell-explain", MFD_CLOEXEC));
  if (file && ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return {};
  return file;
}

// Pages of the file that exist.
std::uint64_t pages_of(const FileDescriptor& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_blocks) * 512 / kPage;
}

std::string refused(std::string_view what) {
  return fmt::format("none here: {}: {}", what, std::strerror(errno));
}

void holes(Lines& lines) {
  constexpr const char* kSubject = "a hole in a file";
  constexpr const char* kWhy =
      "read(2) gives zeroes for a page that does not exist and makes none; a touch of the mapping "
      "makes it. So a sparse file can end in SIGBUS when memory is short: reserve with fallocate.";
  const FileDescriptor file = make_memfd(kBytes);
  const Pages pages(kBytes, kReadWrite, MAP_SHARED, file.get());
  if (!pages) return lines.push_back({kSubject, "allocation", refused("memfd"), kWhy});
  std::string buffer(kBytes, 'x');
  const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
  const std::uint64_t after_read = pages_of(file);
  (void)faults_of_writing(pages.base(), kPage);
  lines.push_back({kSubject, "allocation",
                   fmt::format("read(2) of {} bytes: {} pages allocated; a touch: {}", got,
                               after_read, pages_of(file)),
                   kWhy});
}

void private_copy(Lines& lines) {
  constexpr const char* kSubject = "a private mapping";
  constexpr const char* kWhy =
      "MAP_PRIVATE shows the file's own page until the first store; then the process has a copy, "
      "and "
      "what others store is not seen in it any more.";
  const FileDescriptor file = make_memfd(kPage);
  const Pages shared(kPage, kReadWrite, MAP_SHARED, file.get());
  const Pages own(kPage, kReadWrite, MAP_PRIVATE, file.get());
  if (!shared || !own) return lines.push_back({kSubject, "store", refused("mmap"), kWhy});
  volatile unsigned char* const theirs = reinterpret_cast<unsigned char*>(shared.base());
  volatile unsigned char* const ours = reinterpret_cast<unsigned char*>(own.base());
  theirs[0] = 1;
  const int before = ours[0];
  ours[1] = 1;
  theirs[0] = 2;
  lines.push_back({kSubject, "store",
                   fmt::format("before its first store it sees the other's {}, after it still {} "
                               "where the file has {}",
                               before, int{ours[0]}, int{theirs[0]}),
                   kWhy});
}

void closed_file(Lines& lines) {
  constexpr const char* kSubject = "close(2)";
  constexpr const char* kWhy =
      "A mapping holds its file by itself: the descriptor is needed to make it, and to pass it on.";
  FileDescriptor file = make_memfd(kPage);
  const Pages pages(kPage, kReadWrite, MAP_SHARED, file.get());
  if (!pages) return lines.push_back({kSubject, "mapping", refused("memfd"), kWhy});
  file = FileDescriptor();
  volatile char* const at = reinterpret_cast<char*>(pages.base());
  at[0] = 7;
  const std::vector<Area> areas = areas_within(pages.base(), kPage);
  lines.push_back({kSubject, "mapping",
                   fmt::format("closed, and {} is still mapped: {} reads back as {}",
                               areas.empty() ? "the file" : areas[0].path, 7, int{at[0]}),
                   kWhy});
}

void system_v(Lines& lines) {
  constexpr const char* kSubject = "a System V segment";
  constexpr const char* kWhy =
      "The segment is a file of the kernel's own tmpfs; shmctl counts its mappings, and one marked "
      "for removal goes with the last of them.";
  const int id = ::shmget(IPC_PRIVATE, kPage, IPC_CREAT | 0600);
  void* const at = id < 0 ? nullptr : ::shmat(id, nullptr, 0);
  if (id < 0 || at == reinterpret_cast<void*>(-1)) {  // NOLINT: what shmat says
    return lines.push_back({kSubject, "file", refused("shmget"), kWhy});
  }
  void* const again = ::shmat(id, nullptr, 0);
  shmid_ds status{};
  (void)::shmctl(id, IPC_STAT, &status);
  (void)::shmctl(id, IPC_RMID, nullptr);
  const std::vector<Area> areas = areas_within(static_cast<std::byte*>(at), kPage);
  lines.push_back({kSubject, "file",
                   fmt::format("mapped twice: {} attaches; in /proc/self/maps it is {}",
                               static_cast<std::uint64_t>(status.shm_nattch),
                               areas.empty() ? "unknown" : areas[0].path),
                   kWhy});
  (void)::shmdt(at);
  if (again != reinterpret_cast<void*>(-1)) (void)::shmdt(again);  // NOLINT: as above
}

void write_back(Lines& lines) {
  constexpr const char* kSubject = "write-back of a file";
  constexpr const char* kWhy =
      "A store makes the page of the page cache dirty; every process sees it at once, the disk "
      "only "
      "after msync or the kernel's own write-back. The death of a process loses nothing of it.";
  const FileDescriptor file(::open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const bool sized = file && ::ftruncate(file.get(), kPage) == 0;
  const Pages pages(kPage, kReadWrite, MAP_SHARED, sized ? file.get() : -1);
  if (!sized || !pages) return lines.push_back({kSubject, "msync", refused("/var/tmp"), kWhy});
  pages.base()[0] = std::byte{'R'};
  char seen = 0;
  (void)::pread(file.get(), &seen, 1, 0);
  const auto dirty = [&] {
    const std::vector<Area> areas = areas_within(pages.base(), kPage);
    if (areas.empty()) return std::uint64_t{0};
    return areas[0].kilobytes("Shared_Dirty") + areas[0].kilobytes("Private_Dirty");
  };
  const std::uint64_t before = dirty();
  const int done = ::msync(pages.base(), kPage, MS_SYNC);
  lines.push_back(
      {kSubject, "msync",
       fmt::format("read(2) gives '{}' before msync; dirty {} kB before, {} kB after {}", seen,
                   before, dirty(), done == 0 ? "it" : "it failed"),
       kWhy});
}

void swap_out(Lines& lines) {
  constexpr const char* kSubject = "swap";
  constexpr const char* kWhy =
      "Pages of a tmpfs are memory without a file behind it: short of memory, the kernel writes "
      "them "
      "to swap, and pagemap shows where they went; mlock forbids it, hugetlb pages never go.";
  std::ifstream swaps("/proc/swaps");
  std::string line;
  std::getline(swaps, line);
  if (!std::getline(swaps, line)) {
    return lines.push_back({kSubject, "pages", "this machine has no swap: nothing can go", kWhy});
  }
  const FileDescriptor file = make_memfd(kBytes);
  const Pages pages(kBytes, kReadWrite, MAP_SHARED, file.get());
  if (!pages) return lines.push_back({kSubject, "pages", refused("memfd"), kWhy});
  std::memset(pages.base(), 'x', kBytes);
  if (::madvise(pages.base(), kBytes, MADV_PAGEOUT) != 0) {
    return lines.push_back({kSubject, "pages", refused("MADV_PAGEOUT"), kWhy});
  }
  std::size_t swapped = 0;
  for (const PageEntry& page : page_entries(pages.base(), kBytes)) swapped += page.swapped ? 1 : 0;
  const std::uint64_t faults = faults_of_reading(pages.base(), kBytes);
  lines.push_back({kSubject, "pages",
                   fmt::format("{} of {} pages swapped out when asked (MADV_PAGEOUT); {} faults to "
                               "have them back",
                               swapped, kPages, faults),
                   kWhy});
}

void own_sizes(Lines& lines) {
  struct statfs shm {};
  const bool there = ::statfs("/dev/shm", &shm) == 0;
  const auto block = static_cast<std::uint64_t>(shm.f_bsize);
  lines.push_back({"/dev/shm", "room",
                   there ? fmt::format("{} MiB, {} MiB free", shm.f_blocks * block >> 20U,
                                       shm.f_bfree * block >> 20U)
                         : refused("/dev/shm"),
                   "A tmpfs has a limit of its own, half of the memory by default; memfd, System V "
                   "and anonymous pages do not count to it, only to the memory."});
}

}  // namespace

Lines mechanisms() {
  Lines lines;
  holes(lines);
  private_copy(lines);
  closed_file(lines);
  system_v(lines);
  write_back(lines);
  swap_out(lines);
  own_sizes(lines);
  return lines;
}

}  // namespace ringbell::explain
