#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/transport/memory/region.hpp>

#include "tools/command/explain/memory.hpp"
#include "tools/command/explain/pages.hpp"

namespace ringbell::explain {
namespace {

constexpr std::uint64_t kCapacity = 64 * 1024;

struct Kind {
  const char* name;
  Backing backing;
  const char* folder;  // of a file
  HugePages huge;
  const char* why;
};

constexpr std::array kKinds{
    Kind{"memfd", Backing::memfd, "", HugePages::never,
         "A memfd is a file in a tmpfs that the kernel keeps for itself: pages, but no name."},
    Kind{"POSIX shared memory", Backing::posix_shm, "", HugePages::never,
         "shm_open is open(2) in /dev/shm, a tmpfs: the name is a directory's entry."},
    Kind{"file on a tmpfs", Backing::file, "/dev/shm/", HugePages::never,
         "The same by a path: a file on a tmpfs has the page cache and nothing behind it."},
    Kind{"file on a disk", Backing::file, "/var/tmp/", HugePages::never,
         "The mapping is the file's page cache itself; the disk is written to later."},
    Kind{"System V shared memory", Backing::system_v, "", HugePages::never,
         "shmget makes a file SYSV... in the kernel's own tmpfs; the key is all that names it."},
    Kind{"anonymous, MAP_SHARED", Backing::anonymous, "", HugePages::never,
         "The kernel makes a tmpfs file for it too, and shows it as /dev/zero (deleted)."},
    Kind{"memfd of huge pages", Backing::memfd, "", HugePages::require,
         "The file is in a hugetlbfs: its pages are 2 MiB, set aside and never swapped (flag ht)."},
};

// While something of this program has a name, the signals that end it wait.
class SignalsWait {
 public:
  SignalsWait() noexcept {
    sigset_t all;
    ::sigemptyset(&all);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&all, number);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;
  ~SignalsWait() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

std::string process_name() { return fmt::format("ringbell-explain-{}", ::getpid()); }

Result<Region> create(const Kind& kind) {
  MemoryOptions memory;
  memory.backing = kind.backing;
  memory.huge_pages = kind.huge;
  memory.prefault = false;
  if (kind.backing == Backing::posix_shm) memory.name = process_name();
  if (kind.backing == Backing::file) memory.name = kind.folder;  // no name of its own
  return Region::create({.shape = {.capacity_bytes = kCapacity, .record_alignment = 8},
                         .doorbell = core::DoorbellKind::none,
                         .memory = memory});
}

std::string describe(const std::vector<Area>& areas) {
  if (areas.empty()) return "unknown: /proc is not to be had";
  std::set<std::string> kinds;
  for (const Area& area : areas) {
    const auto flags = area.fields.find("VmFlags");
    kinds.insert(fmt::format("{} {} [{}]", area.permissions,
                             area.path.empty() ? "(no file)" : area.path,
                             flags == area.fields.end() ? "" : flags->second));
  }
  return fmt::format("{} mapping{}: {}", areas.size(), areas.size() == 1 ? "" : "s",
                     fmt::join(kinds, "; "));
}

// What `look` finds in a child, so many pages of it; none if it finds less.
std::vector<PageEntry> entries_in_child(std::size_t pages,
                                        const std::function<std::vector<PageEntry>()>& look) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  const FileDescriptor in(ends[0]);
  FileDescriptor out(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return {};
  if (child == 0) {
    const std::vector<PageEntry> entries = look();
    const std::size_t size = entries.size() * sizeof(PageEntry);
    ::_exit(::write(out.get(), entries.data(), size) == static_cast<ssize_t>(size) ? 0 : 1);
  }
  out = FileDescriptor();
  std::vector<PageEntry> entries(pages);
  const std::size_t size = entries.size() * sizeof(PageEntry);
  std::size_t got = 0;
  while (got < size) {
    const ssize_t more =
        ::read(in.get(), reinterpret_cast<std::byte*>(entries.data()) + got, size - got);
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  (void)::waitpid(child, nullptr, 0);
  return got == size ? entries : std::vector<PageEntry>{};
}

std::vector<PageEntry> touched(const std::byte* base, std::size_t bytes) {
  (void)faults_of_reading(base, bytes);
  return page_entries(base, bytes);
}

// The frames of the data in a process that attaches to the region by its descriptor, or inherits
// the mapping where it has none of its own.
std::vector<PageEntry> entries_elsewhere(const Region& region, std::size_t bytes) {
  return entries_in_child(bytes / kPage, [&]() -> std::vector<PageEntry> {
    if (region.backing() == Backing::anonymous) return touched(region.data(), bytes);
    const auto own = Region::attach(FileDescriptor(::fcntl(region.fd(), F_DUPFD_CLOEXEC, 0)));
    return own ? touched(own->data(), bytes) : std::vector<PageEntry>{};
  });
}

bool hidden(const std::vector<PageEntry>& entries) {
  return entries.empty() || std::any_of(entries.begin(), entries.end(),
                                        [](const PageEntry& page) { return page.frame == 0; });
}

std::string compare(const std::vector<PageEntry>& one, const std::vector<PageEntry>& other) {
  if (hidden(one) || hidden(other)) return "hidden: only CAP_SYS_ADMIN is told the frames";
  const auto same = static_cast<std::size_t>(
      std::inner_product(one.begin(), one.end(), other.begin(), std::size_t{0}, std::plus<>(),
                         [](const PageEntry& a, const PageEntry& b) { return a == b ? 1U : 0U; }));
  return fmt::format("{} of {} pages are the same frame", same, one.size());
}

void explain(const Kind& kind, Lines& lines) {
  std::optional<SignalsWait> signals;
  if (kind.backing == Backing::posix_shm) signals.emplace();
  const Result<Region> region = create(kind);
  if (!region) {
    lines.push_back({kind.name, "mapping", "none here: " + region.error().message, kind.why});
    return;
  }
  const std::size_t data_bytes = region->geometry().capacity_bytes;
  const std::size_t pages = region->mapped_bytes() / region->geometry().page_bytes;
  // What creating it has touched is forgotten by the page table, not by the file.
  (void)::madvise(region->base(), region->mapped_bytes(), MADV_DONTNEED);
  const std::uint64_t faults = faults_of_writing(region->base(), region->mapped_bytes());
  lines.push_back({kind.name, "mapping",
                   describe(areas_within(region->base(), region->mapped_bytes())), kind.why});
  lines.push_back({kind.name, "faults",
                   fmt::format("{} page faults to touch {} pages first", faults, pages),
                   "Making a mapping fills in no page table: each page costs a fault when it is "
                   "first touched, in each process and in each image."});
  const std::vector<PageEntry> first = page_entries(region->data(), data_bytes);
  lines.push_back({kind.name, "images",
                   compare(first, page_entries(region->data() + data_bytes, data_bytes)),
                   "The data is mapped twice, back to back: two addresses, one memory."});
  lines.push_back({kind.name, "two processes",
                   compare(first, entries_elsewhere(*region, data_bytes)),
                   "What one process stores is in the frame that the other loads from; nothing is "
                   "copied."});
  if (kind.backing == Backing::posix_shm) {
    (void)Region::remove(kind.backing, process_name());
  }
}

}  // namespace

Lines backings() {
  Lines lines;
  for (const Kind& kind : kKinds) explain(kind, lines);
  return lines;
}

namespace {

constexpr std::size_t kDevicePages = 4;

std::string refusal(bool done) {
  return done ? "yes" : fmt::format("no: {}", std::strerror(errno));
}

// By a reference to the page, as O_DIRECT and registered buffers of io_uring read it.
std::string can_be_referenced(const Pages& pages) {
  std::array<std::byte, 8> into{};
  const iovec local{.iov_base = into.data(), .iov_len = into.size()};
  const iovec remote{.iov_base = pages.base(), .iov_len = into.size()};
  return refusal(::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) > 0);
}

std::string can_be_slept_on(const Pages& pages) {
  const timespec no_time{};
  const long slept = ::syscall(SYS_futex, pages.base(), FUTEX_WAIT, 0, &no_time, nullptr, 0);
  return refusal(slept == 0 || errno == EAGAIN || errno == ETIMEDOUT);
}

std::string can_be_private(int fd) {
  return refusal(static_cast<bool>(Pages(kPage, PROT_READ, MAP_PRIVATE, fd)));
}

std::string in_core_and_swap(const std::vector<Area>& areas) {
  const bool dumped = std::none_of(areas.begin(), areas.end(), [](const Area& area) {
    const auto flags = area.fields.find("VmFlags");
    return flags != area.fields.end() && flags->second.find("dd") != std::string::npos;
  });
  const std::uint64_t swapped = std::accumulate(
      areas.begin(), areas.end(), std::uint64_t{0},
      [](std::uint64_t sum, const Area& area) { return sum + area.kilobytes("Swap"); });
  return fmt::format("core files {}, swapped {} kB", dumped ? "hold it" : "leave it out", swapped);
}

}  // namespace

Lines device(const std::string& path) {
  constexpr const char* kWhy = "A device is shared memory where its driver implements mmap.";
  const auto none = [&] {
    return Lines{{path, "mapping", fmt::format("none here: {}", std::strerror(errno)), kWhy}};
  };
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return none();
  const Pages pages(kDevicePages * kPage, PROT_READ, MAP_SHARED, file.get());
  if (!pages) return none();
  const std::uint64_t faults = faults_of_reading(pages.base(), pages.bytes());
  const std::vector<PageEntry> entries = page_entries(pages.base(), pages.bytes());
  const std::vector<Area> areas = areas_within(pages.base(), pages.bytes());
  const auto elsewhere = entries_in_child(kDevicePages, [&]() -> std::vector<PageEntry> {
    const FileDescriptor own(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    const Pages again(pages.bytes(), PROT_READ, MAP_SHARED, own.get());
    return again ? touched(again.base(), again.bytes()) : std::vector<PageEntry>{};
  });
  return {{path, "mapping", describe(areas),
           "pf: frame numbers without pages behind them (remap_pfn_range); io: a device's; mm: the "
           "kernel's pages put in one by one; dd: no core dump holds it."},
          {path, "faults", fmt::format("{} page faults to touch {} pages", faults, kDevicePages),
           "remap_pfn_range fills the page table in mmap itself; a fault handler gives one page at "
           "a time."},
          {path, "two processes", compare(entries, elsewhere),
           "pagemap tells no frames of mappings without struct pages behind them, and others only "
           "to CAP_SYS_ADMIN."},
          {path, "core and swap", in_core_and_swap(areas),
           "The pages are the driver's: no swap has a place for them, and no core file either."},
          {path, "by reference", can_be_referenced(pages),
           "O_DIRECT, registered buffers of io_uring and process_vm_readv take references to "
           "pages; a mapping of mere frame numbers has none."},
          {path, "futex", can_be_slept_on(pages),
           "A shared futex is named by the page's inode, which a driver's pages do not have: sleep "
           "on an eventfd."},
          {path, "private", can_be_private(file.get()),
           "A private mapping would leave the shared memory at its first store: drivers refuse "
           "it."}};
}

}  // namespace ringbell::explain
