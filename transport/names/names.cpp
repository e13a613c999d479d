#include <ringbell/transport/names/names.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/base/unix_socket.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>
#include <ringbell/transport/memory/file.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/names/name_folder.hpp>

namespace ringbell::names {
namespace {

constexpr std::string_view kRegionSuffix = ".ring";
constexpr std::string_view kSocketSuffix = ".sock";

// Through the folder's own descriptor.
Result<std::vector<std::string>> files_in(const NameFolder& folder) {
  std::error_code failed;
  std::vector<std::string> files;
  std::filesystem::directory_iterator entry(folder.path_of(""), failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    files.push_back(entry->path().filename());
  }
  if (failed) {
    errno = failed.value();
    return fail_errno(fmt::format("reading the folder {} failed", folder.path()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The first bytes of a region, as they are: for people. Nothing: it is none, or of another version.
std::optional<core::RegionHeader> header_of(int fd) noexcept {
  core::RegionHeader header{};
  if (::pread(fd, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) ||
      header.magic != core::kRegionMagic || header.layout_version != core::kLayoutVersion) {
    return std::nullopt;
  }
  return header;
}

// Nothing: it is gone.
std::optional<Entry> look_at_region(const NameFolder& folder, const std::string& file) {
  const FileDescriptor region{
      ::openat(folder.fd(), file.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (!region) {
    if (errno == ENOENT) return std::nullopt;
    return Entry{.alive = true};  // a folder, a link: not ringbell's
  }
  if (::fstat(region.get(), &status) != 0) return std::nullopt;
  Entry entry{.alive = ParticipantLock::any_held(region.get()),
              .inode = status.st_ino,
              .size_bytes = static_cast<std::uint64_t>(status.st_size)};
  if (const std::optional<core::RegionHeader> header = header_of(region.get())) {
    entry.kind = Kind::ring;
    entry.ring = core::RingKind{header->ring_kind};
    entry.creator_pid = static_cast<pid_t>(header->creator_pid);
  }
  return entry;
}

std::optional<Entry> look_at_socket(const NameFolder& folder, const std::string& file) {
  struct stat status {};
  if (::fstatat(folder.fd(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  if (!S_ISSOCK(status.st_mode)) return Entry{.alive = true};
  return Entry{.kind = Kind::listener,
               .alive = unix_socket::is_bound({folder.path_of(file)}),
               .inode = status.st_ino};
}

// Nothing: it is no name, or gone.
std::optional<Entry> look_at(const NameFolder& folder, const std::string& file) {
  const bool region = file.ends_with(kRegionSuffix);
  if (!region && !file.ends_with(kSocketSuffix)) return std::nullopt;
  std::string name = file.substr(0, file.size() - kRegionSuffix.size());
  if (!check_name(name)) return std::nullopt;
  std::optional<Entry> entry = region ? look_at_region(folder, file) : look_at_socket(folder, file);
  if (entry) entry->name = std::move(name);
  return entry;
}

// What a process was making when it died, if it had to be made under a temporary name.
bool is_left_over(const NameFolder& folder, const std::string& file) {
  constexpr std::chrono::minutes kLongestMaking{1};
  struct stat status {};
  if (!memory::file::is_temporary(file) ||
      ::fstatat(folder.fd(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return false;
  }
  return std::time(nullptr) - status.st_ctime > std::chrono::seconds(kLongestMaking).count();
}

// A name that appears meanwhile is alive from the first.
template <class Wanted>
Result<std::vector<Entry>> remove_if(Wanted&& is_wanted) {
  const Result<NameFolder> folder = NameFolder::open();
  if (!folder) return tl::unexpected(folder.error());
  const Result<NameFolder::Lock> lock = folder->lock();
  if (!lock) return tl::unexpected(lock.error());
  const Result<std::vector<std::string>> files = files_in(*folder);
  if (!files) return tl::unexpected(files.error());
  std::vector<Entry> removed;
  for (const std::string& file : *files) {
    std::optional<Entry> entry = look_at(*folder, file);
    const bool is_rubbish = is_left_over(*folder, file);
    if (!is_rubbish && (!entry || entry->alive || !is_wanted(*entry))) continue;
    if (::unlinkat(folder->fd(), file.c_str(), 0) != 0) {
      return fail_errno(fmt::format("removing {}/{} failed", folder->path(), file));
    }
    if (entry) removed.push_back(std::move(*entry));
  }
  return removed;
}

}  // namespace

Result<std::vector<Entry>> list() {
  const Result<NameFolder> folder = NameFolder::open();
  if (!folder) return tl::unexpected(folder.error());
  const Result<std::vector<std::string>> files = files_in(*folder);
  if (!files) return tl::unexpected(files.error());
  std::vector<Entry> entries;
  for (const std::string& file : *files) {
    if (std::optional<Entry> entry = look_at(*folder, file)) entries.push_back(std::move(*entry));
  }
  return entries;
}

Result<std::vector<Entry>> remove_dead() {
  return remove_if([](const Entry&) { return true; });
}

Result<std::vector<Entry>> remove_dead(const std::vector<Entry>& of) {
  return remove_if([&](const Entry& entry) {
    return std::any_of(of.begin(), of.end(), [&](const Entry& each) {
      return each.name == entry.name && each.kind == entry.kind && each.inode == entry.inode;
    });
  });
}

}  // namespace ringbell::names
