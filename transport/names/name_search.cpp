#include <ringbell/transport/names/name_search.hpp>

#include <algorithm>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/memory/file.hpp>
#include <ringbell/transport/names/generations.hpp>

namespace ringbell {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kFirstSearchNap{100};
constexpr std::chrono::microseconds kLongestSearchNap{10000};

// Nothing: the name is not in use.
Result<std::optional<FileDescriptor>> look_up(const NameFolder& folder, const std::string& file) {
  FileDescriptor found{
      ::openat(folder.fd(), file.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
  if (!found && errno == ENOENT) return std::nullopt;
  if (!found) {
    return fail_errno(fmt::format("opening {}/{} failed", folder.path(), file),
                      errno == EACCES && folder.group()
                          ? "its maker keeps it to itself: it must make it with mode 0660"
                          : "it is in the way of a name; remove it");
  }
  return std::optional(std::move(found));
}

Result<ino_t> inode_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno("looking at a region's file failed");
  return status.st_ino;
}

Result<void> unlink(const NameFolder& folder, const std::string& file) {
  if (::unlinkat(folder.fd(), file.c_str(), 0) == 0 || errno == ENOENT) return {};
  return fail_errno(fmt::format("removing {}/{} failed", folder.path(), file));
}

}  // namespace

NameSearch::NameSearch(NameFolders folders, std::string name, SteadyTime deadline,
                       Generations generations)
    : folders_(std::move(folders)),
      name_(std::move(name)),
      newest_(generations::newest_file(name_)),
      generations_(generations),
      deadline_(deadline),
      next_nap_(kFirstSearchNap) {}

Result<NameSearch> NameSearch::begin(std::string_view name, SteadyTime deadline,
                                     NameFolders::NewNames new_names, Generations generations) {
  if (Result<void> checked = check_name(name); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  Result<NameFolders> folders = NameFolders::open(new_names);
  if (!folders) return tl::unexpected(std::move(folders.error()));
  return NameSearch(std::move(*folders), std::string(name), deadline, generations);
}

void NameSearch::let_go() noexcept {
  locks_.clear();
  locked_all_ = false;
  files_.clear();
  next_ = 0;
}

Result<void> NameSearch::lock(const NameFolder& folder) {
  if (locked_all_) return {};
  locks_.clear();
  Result<NameFolder::Lock> lock = folder.lock();
  if (!lock) return tl::unexpected(std::move(lock.error()));
  locks_.push_back(std::move(*lock));
  return {};
}

Result<void> NameSearch::lock_all() {
  let_go();
  Result<std::vector<NameFolder::Lock>> locks = folders_.lock_all();
  if (!locks) return tl::unexpected(std::move(locks.error()));
  locks_ = std::move(*locks);
  locked_all_ = true;
  return {};
}

void NameSearch::begin_round() noexcept {
  found_ = false;
  replaces_.reset();
  sets_aside_ = false;
}

// What there may be of this name, in the order in which it is looked at.
Result<std::vector<std::string>> NameSearch::files_in(const NameFolder& folder) const {
  std::vector<std::string> files;
  if (generations_ == Generations::oldest_first) {
    const Result<std::vector<generations::Past>> past = generations::past_of(folder, name_);
    if (!past) return tl::unexpected(past.error());
    for (const generations::Past& each : *past) files.push_back(each.file());
  }
  files.push_back(newest_);
  return files;
}

// A lock is taken only when there is something: those that wait for a name hold no other up. False:
// there are no more folders.
Result<bool> NameSearch::begin_folder() {
  while (next_ < folders_.count()) {
    const NameFolder* const folder = folders_.at(next_++);
    if (folder == nullptr) continue;
    const Result<std::optional<FileDescriptor>> newest = look_up(*folder, newest_);
    if (!newest) return tl::unexpected(newest.error());
    if (!*newest) {
      const Result<std::vector<std::string>> past = files_in(*folder);
      if (!past) return tl::unexpected(past.error());
      if (past->size() == 1) continue;
    }
    if (Result<void> locked = lock(*folder); !locked) {
      return tl::unexpected(std::move(locked.error()));
    }
    Result<std::vector<std::string>> files = files_in(*folder);
    if (!files) return tl::unexpected(std::move(files.error()));
    files_ = std::move(*files);
    return true;
  }
  next_ = 0;
  return false;
}

Result<std::optional<FoundFile>> NameSearch::look() {
  if (next_ == 0) begin_round();
  for (;;) {
    if (files_.empty()) {
      const Result<bool> begun = begin_folder();
      if (!begun) return tl::unexpected(begun.error());
      if (!*begun) return std::nullopt;
    }
    const std::size_t place = next_ - 1;
    std::string file = std::move(files_.front());
    files_.erase(files_.begin());
    const NameFolder& folder = *folders_.at(place);
    Result<std::optional<FileDescriptor>> found = look_up(folder, file);
    if (!found) return tl::unexpected(std::move(found.error()));
    if (!*found) continue;
    const Result<ino_t> inode = inode_of((*found)->get());
    if (!inode) return tl::unexpected(inode.error());
    if (*inode == passed_over_) continue;
    found_ = true;
    at_ = place;
    inode_ = *inode;
    file_ = std::move(file);
    const AttachOptions attach = folder.trust((*found)->get());
    return std::optional(FoundFile{std::move(**found), is_past(), attach});
  }
}

Result<bool> NameSearch::act_on(NotJoined why) {
  switch (why) {
    case NotJoined::later:
      return !is_past();
    case NotJoined::replace:
    case NotJoined::set_aside:
      replaces_ = at_;
      sets_aside_ = why == NotJoined::set_aside;
      return true;
    case NotJoined::drained:
      return unlink(*folders_.at(at_), file_).map([] { return true; });
  }
  return true;
}

const NameFolder& NameSearch::folder() { return *folders_.at(replaces_.value_or(0)); }

bool NameSearch::wait() {
  let_go();
  const Clock::duration left = deadline_ - Clock::now();
  if (left <= left.zero()) return false;
  std::this_thread::sleep_for(std::min<Clock::duration>(next_nap_, left));
  next_nap_ = std::min(next_nap_ * 2, kLongestSearchNap);
  return true;
}

Result<bool> NameSearch::give_name(int fd) {
  at_ = replaces_.value_or(0);
  const NameFolder& folder = *folders_.at(at_);
  if (replaces_) {
    const Result<void> gone =
        sets_aside_ ? generations::set_aside(folder, name_) : unlink(folder, newest_);
    if (!gone) return tl::unexpected(gone.error());
  }
  const Result<bool> linked = memory::file::link(fd, folder.fd(), newest_);
  if (!linked) return linked;
  const Result<ino_t> inode = inode_of(fd);
  if (!inode) return tl::unexpected(inode.error());
  inode_ = *inode;
  if (!*linked) let_go();
  return linked;
}

HeldName NameSearch::hold() && {
  let_go();
  return {folders_.take(at_), std::move(name_), inode_};
}

tl::unexpected<Error> NameSearch::fail_not_found() const {
  return fail(ErrorCode::not_found,
              fmt::format("no process uses the name '{}' in {}{}", name_, folders_.text(),
                          found_ ? ", only the file of a process that is gone" : ""));
}

tl::unexpected<Error> NameSearch::fail_not_let_go() const {
  return fail(ErrorCode::busy,
              fmt::format("the name '{}' is in use by a process that has closed it "
                          "but does not let go",
                          name_));
}

}  // namespace ringbell
