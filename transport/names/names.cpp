#include <ringbell/transport/names/names.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <optional>
#include <string_view>
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
#include <ringbell/transport/names/generations.hpp>
#include <ringbell/transport/names/lock_table.hpp>
#include <ringbell/transport/names/name_folders.hpp>

namespace ringbell::names {
namespace {

constexpr std::string_view kRegionSuffix = ".ring";
constexpr std::string_view kSocketSuffix = ".sock";

// What a look at a file gives. Nothing: it is no name, or gone.
using Looked = Result<std::optional<Entry>>;

// From errno.
Looked gone_or_failed(const NameFolder& folder, const std::string& file) {
  if (errno == ENOENT) return std::nullopt;
  return fail_errno(fmt::format("looking at {} failed", folder.path_of(file)));
}

// One that this user may not open, in a folder that a group shares. Where it cannot be known, it is
// in use.
Looked look_at_closed(const NameFolder& folder, const std::string& file) {
  struct stat status {};
  if (::fstatat(folder.fd(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return gone_or_failed(folder, file);
  }
  const std::optional<std::vector<lock_table::Lock>> locks = lock_table::locks_on(status);
  const auto is_participants = [](const auto& lock) { return lock.type == "OFDLCK"; };
  return Entry{.alive = !S_ISREG(status.st_mode) || !locks ||
                        std::any_of(locks->begin(), locks->end(), is_participants),
               .is_closed = true,
               .inode = status.st_ino,
               .size_bytes = static_cast<std::uint64_t>(status.st_size)};
}

Looked look_at_region(const NameFolder& folder, const std::string& file) {
  const FileDescriptor region{
      ::openat(folder.fd(), file.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (!region) {
    if (errno == EACCES) return look_at_closed(folder, file);
    const bool tells_of_file = errno != EMFILE && errno != ENFILE && errno != ENOMEM;
    if (errno == ENOENT || !tells_of_file) return gone_or_failed(folder, file);
    return Entry{.alive = true};  // a folder, a link: not ringbell's
  }
  if (::fstat(region.get(), &status) != 0) return gone_or_failed(folder, file);
  core::RegionHeader header{};
  const ssize_t size = ::pread(region.get(), &header, sizeof header, 0);
  if (size < 0 && S_ISREG(status.st_mode)) return gone_or_failed(folder, file);
  Entry entry{.alive = ParticipantLock::any_held(region.get()),
              .inode = status.st_ino,
              .size_bytes = static_cast<std::uint64_t>(status.st_size)};
  // As they are, for people; else it is no region, or of another version.
  if (size == ssize_t{sizeof header} && header.magic == core::kRegionMagic &&
      header.layout_version == core::kLayoutVersion) {
    entry.kind = Kind::ring;
    entry.ring = core::RingKind{header.ring_kind};
    entry.creator_pid = static_cast<pid_t>(header.creator_pid);
  }
  return entry;
}

Looked look_at_socket(const NameFolder& folder, const std::string& file) {
  struct stat status {};
  if (::fstatat(folder.fd(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return gone_or_failed(folder, file);
  }
  if (!S_ISSOCK(status.st_mode)) return Entry{.alive = true};
  return Entry{.kind = Kind::listener,
               .alive = unix_socket::is_bound({folder.path_of(file)}),
               .inode = status.st_ino};
}

Looked look_at(const NameFolder& folder, const std::string& file) {
  std::optional<generations::Past> past = generations::Past::of(file);
  const bool region = past || file.ends_with(kRegionSuffix);
  if (!region && !file.ends_with(kSocketSuffix)) return std::nullopt;
  std::string name = past ? file : file.substr(0, file.size() - kRegionSuffix.size());
  if (!check_name(name)) return std::nullopt;
  Looked looked = region ? look_at_region(folder, file) : look_at_socket(folder, file);
  if (!looked || !*looked) return looked;
  Entry& entry = **looked;
  entry.name = std::move(name);
  entry.folder = folder.path();
  if (past) entry.newer = std::move(past->name);
  return looked;
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
Result<void> remove_if(const NameFolder& folder, Wanted&& is_wanted, std::vector<Entry>& removed) {
  const Result<NameFolder::Lock> lock = folder.lock();
  if (!lock) return tl::unexpected(lock.error());
  const Result<std::vector<std::string>> files = folder.files();
  if (!files) return tl::unexpected(files.error());
  Result<void> done;  // what is another user's stops none of this one's
  for (const std::string& file : *files) {
    Looked looked = look_at(folder, file);
    if (!looked) {
      done = tl::unexpected(std::move(looked.error()));
      continue;
    }
    std::optional<Entry>& entry = *looked;
    const bool is_rubbish = is_left_over(folder, file);
    if (!is_rubbish && (!entry || entry->alive || entry->is_closed || !is_wanted(*entry))) {
      continue;
    }
    if (::unlinkat(folder.fd(), file.c_str(), 0) != 0) {
      done = fail_errno(fmt::format("removing {}/{} failed", folder.path(), file));
      continue;
    }
    if (entry) removed.push_back(std::move(*entry));
  }
  return done;
}

Result<void> list_in(const NameFolder& folder, std::vector<Entry>& entries) {
  const Result<std::vector<std::string>> files = folder.files();
  if (!files) return tl::unexpected(files.error());
  for (const std::string& file : *files) {
    Looked looked = look_at(folder, file);
    if (!looked) return tl::unexpected(std::move(looked.error()));
    if (*looked) entries.push_back(std::move(**looked));
  }
  return {};
}

// Of all folders that are there: what `look(folder, entries)` adds.
template <class Look>
Result<std::vector<Entry>> in_all(Result<NameFolders> folders, Look&& look) {
  if (!folders) return tl::unexpected(std::move(folders.error()));
  std::vector<Entry> entries;
  for (std::size_t place = 0; place < folders->count(); ++place) {
    const NameFolder* const folder = folders->at(place);
    if (folder == nullptr) continue;
    if (Result<void> looked = look(*folder, entries); !looked) {
      return tl::unexpected(std::move(looked.error()));
    }
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& one, const Entry& two) {
    return std::tie(one.name, one.kind) < std::tie(two.name, two.kind);
  });
  return entries;
}

template <class Look>
Result<std::vector<Entry>> in_all_folders(Look&& look) {
  return in_all(NameFolders::open(NameFolders::NewNames::no), std::forward<Look>(look));
}

}  // namespace

Result<std::vector<Entry>> list() { return in_all_folders(list_in); }

Result<std::vector<Entry>> list_of(uid_t user) {
  return in_all(NameFolders::of_user(user), list_in);
}

Result<std::vector<Entry>> remove_dead() {
  return in_all_folders([](const NameFolder& folder, std::vector<Entry>& removed) {
    return remove_if(
        folder, [](const Entry&) { return true; }, removed);
  });
}

Result<std::vector<Entry>> remove_dead(const std::vector<Entry>& of) {
  const auto is_one = [&](const Entry& entry) {
    return std::any_of(of.begin(), of.end(), [&](const Entry& each) {
      return each.name == entry.name && each.kind == entry.kind && each.inode == entry.inode &&
             each.folder == entry.folder;
    });
  };
  return in_all_folders([&](const NameFolder& folder, std::vector<Entry>& removed) {
    return remove_if(folder, is_one, removed);
  });
}

}  // namespace ringbell::names
