// A region under a name: the file NAME.ring in the folder of names is the region itself, or, if it
// was set aside for a newer one, NAME.N.past (generations.hpp). There is no daemon; a process that
// may enter the folder finds it.
//
// Invariants
//   N1  A file appears under its name whole, by link(), its maker's role already taken.
//   N2  A name is taken away only under the folder's lock, by a process that sees there that none
//       takes part in its region.
//   N3  A process that finds a region by name takes its part under the folder's lock.
//   N4  A region is set aside under that lock, by the maker of the newer one.
// So a process that takes part in a region that was found by name is in the one that the name
// stands for or in one that was set aside since, and of many that create it at a time one wins.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/names/name_folder.hpp>

namespace ringbell {

// Move-only. Made by a NameSearch.
class RINGBELL_API HeldName {
 public:
  // Gives the part up, and takes the name away if no other process has one in the region, unless
  // keep(), which is asked when all that is certain. A process that cannot do so (it was killed, or
  // could not get the folder's lock) leaves what names::remove_dead() finds.
  void leave(ParticipantLock& part, int region_fd, const std::function<bool()>& keep) noexcept;

  // Has the region keep its file by a descriptor that was opened by its name, so that /proc tells
  // which name a process has. A file that had no name when it was opened has none there for good.
  void show_in(Region& region) const noexcept;

  // Whether it was set aside: there is a newer region under this name, or will be soon.
  [[nodiscard]] bool is_past() const noexcept;
  // Whether the name leads to this region no more: its file was removed or renamed, or another file
  // or another folder stands there. False of one that was set aside, and where it cannot be known.
  [[nodiscard]] bool is_lost() const noexcept;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] ino_t inode() const noexcept { return inode_; }

 private:
  friend class NameSearch;
  HeldName(NameFolder folder, std::string name, ino_t inode) noexcept;
  enum class Stands : std::uint8_t { this_one, another, none, unknown };

  [[nodiscard]] Stands what_is(const std::string& file) const noexcept;
  [[nodiscard]] bool is_file(const std::string& file) const noexcept {
    return what_is(file) == Stands::this_one;
  }
  [[nodiscard]] std::optional<std::string> past_file() const noexcept;

  NameFolder folder_;
  std::string name_;
  std::string newest_;  // the file's name
  ino_t inode_;
};

}  // namespace ringbell
