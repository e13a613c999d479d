// A region under a name: the file NAME.ring in the folder of names is the region itself. There is
// no daemon; a process that may enter the folder finds it.
//
// Invariants
//   N1  A file appears under its name whole, by link(), its maker's role already taken.
//   N2  A name is taken away only under the folder's lock, by a process that sees there that none
//       takes part in its region.
//   N3  A process that finds a region by name takes its part under the folder's lock.
// So a process that takes part in a region that was found by name is in the one that the name
// stands for, and of many that create it at a time one wins.
#pragma once

#include <functional>
#include <string>

#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>
#include <ringbell/transport/names/name_folder.hpp>

namespace ringbell {

// Move-only. Made by a NameSearch.
class RINGBELL_API HeldName {
 public:
  // Gives the part up, and takes the name away if no other process has one in the region, unless
  // keep(), which is asked when all that is certain. A process that cannot do so (it was killed, or
  // could not get the folder's lock) leaves what names::remove_dead() finds.
  void leave(ParticipantLock& part, int region_fd, const std::function<bool()>& keep) noexcept;

 private:
  friend class NameSearch;
  HeldName(NameFolder folder, std::string file, ino_t inode) noexcept;

  NameFolder folder_;
  std::string file_;
  ino_t inode_;
};

}  // namespace ringbell
