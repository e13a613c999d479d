// The names that there are, and the removal of those without a live process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>

namespace ringbell::names {

enum class Kind : std::uint8_t {
  ring,      // a region: Sender::create and the like
  listener,  // a socket: Listener::open
  unknown,   // a file that cannot be read as a region of this version
};

struct Entry {
  std::string name = {};
  Kind kind = Kind::unknown;
  core::RingKind ring = {};      // of a region
  bool alive = false;            // some process takes part in it, or listens; or it is not known
  bool is_closed = false;        // this user may not open it: no more is known, it is not removed
  ino_t inode = 0;               // of the file: tells it from a later one of that name
  pid_t creator_pid = 0;         // of a region: its maker, in that one's pid namespace; for people
  std::uint64_t size_bytes = 0;  // of a region, its memory
  std::string folder = {};       // where the file is
  // Of a ring that was set aside for a newer one of this name; it has the name NAME.N.past itself.
  std::string newer = {};
};

// Of all folders in which this user's names can be, sorted by name; a name can be a ring's and a
// listener's. What comes or goes meanwhile may be in it or not. Makes no folder. Errors: as
// NameFolders::open; system.
RINGBELL_API [[nodiscard]] Result<std::vector<Entry>> list();

// The same of another user, for a process that may look into that one's folders: root. With
// $RINGBELL_DIR set, of that folder.
RINGBELL_API [[nodiscard]] Result<std::vector<Entry>> list_of(uid_t user);

// Removes the names in which no process takes part any more, and returns which. Unread records go
// with them. Errors: as NameFolder::open and lock; system.
RINGBELL_API [[nodiscard]] Result<std::vector<Entry>> remove_dead();
// Of these only, and only while the same file stands there.
RINGBELL_API [[nodiscard]] Result<std::vector<Entry>> remove_dead(const std::vector<Entry>& of);

}  // namespace ringbell::names
