#include <ringbell/transport/names/name_folders.hpp>

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

namespace ringbell {

NameFolders::NameFolders(std::vector<std::string> paths, uid_t user)
    : paths_(std::move(paths)), folders_(paths_.size()), user_(user) {}

Result<NameFolders> NameFolders::open(NewNames new_names, uid_t user) {
  Result<std::vector<std::string>> paths = NameFolder::candidates(user);
  if (!paths) return tl::unexpected(std::move(paths.error()));
  NameFolders all(std::move(*paths), user);
  Result<std::optional<NameFolder>> first =
      NameFolder::open_at(all.paths_.front(), new_names == NewNames::yes, user);
  if (!first) return tl::unexpected(std::move(first.error()));
  if (*first) all.folders_.front().emplace(std::move(**first));
  return all;
}

const NameFolder* NameFolders::at(std::size_t place) {
  std::optional<NameFolder>& folder = folders_[place];
  if (folder) return &*folder;
  Result<std::optional<NameFolder>> found = NameFolder::open_at(paths_[place], false, user_);
  if (!found || !*found) return nullptr;
  // One folder under two paths is one: its lock would be taken twice.
  const bool known = std::any_of(folders_.begin(), folders_.end(), [&](const auto& other) {
    return other && other->identity() == (*found)->identity();
  });
  if (known) return nullptr;
  return &folder.emplace(std::move(**found));
}

const NameFolder* NameFolders::with(const std::string& file) {
  for (std::size_t place = 0; place < count(); ++place) {
    const NameFolder* const folder = at(place);
    struct stat status {};
    if (folder != nullptr &&
        ::fstatat(folder->fd(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      return folder;
    }
  }
  return nullptr;
}

std::size_t NameFolders::how_many_are_there() {
  std::size_t there = 0;
  for (std::size_t place = 0; place < count(); ++place) there += at(place) != nullptr ? 1 : 0;
  return there;
}

// A process makes its own folder before it looks for those of others and locks. So of two that make
// the same name in two folders, the second to have a lock sees the first's folder, and locks it.
Result<std::vector<NameFolder::Lock>> NameFolders::lock_all() {
  for (;;) {
    const std::size_t there = how_many_are_there();
    std::vector<const NameFolder*> in_order;
    for (const std::optional<NameFolder>& folder : folders_) {
      if (folder) in_order.push_back(&*folder);
    }
    std::sort(in_order.begin(), in_order.end(), [](const NameFolder* one, const NameFolder* two) {
      return one->identity() < two->identity();
    });
    std::vector<NameFolder::Lock> locks;
    for (const NameFolder* const folder : in_order) {
      Result<NameFolder::Lock> lock = folder->lock();
      if (!lock) return tl::unexpected(std::move(lock.error()));
      locks.push_back(std::move(*lock));
    }
    if (how_many_are_there() == there) return locks;
  }
}

std::string NameFolders::text() const {
  if (count() == 1) return paths_.front();
  return fmt::format("{} or {}", fmt::join(paths_.begin(), paths_.end() - 1, ", "), paths_.back());
}

}  // namespace ringbell
