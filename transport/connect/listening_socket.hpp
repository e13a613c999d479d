// A socket that listens under a name, and the name's end.
//
// A socket file outlives its process: one on which no process listens is a dead listener's and is
// taken over, under the folder's lock, so that of two that try one wins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/base/unix_socket.hpp>
#include <ringbell/transport/names/name_folders.hpp>

namespace ringbell {

// Where a listener is to be found.
enum class Place : std::uint8_t {
  folder,  // NAME.sock in a folder of names (name_folders.hpp): other users cannot reach it
  group,   // the same in a folder that a group shares (name_folder.hpp), which RINGBELL_DIR names:
           // all its members reach it
  abstract,  // a name in the kernel, one set for each user and network namespace: for peers that
             // run as another user. The user is still checked; but any process can take such a name
             // before its owner does (which both sides notice), so prefer a folder.
};

// What Place::group asks of a folder. Errors: invalid_argument.
[[nodiscard]] Result<void> check_group_folder(const NameFolder& folder);

[[nodiscard]] unix_socket::Address address_in(const NameFolder& folder, std::string_view name);
[[nodiscard]] unix_socket::Address abstract_address(uid_t listener, std::string_view name);

// Move-only.
class RINGBELL_API ListeningSocket {
 public:
  // Errors: invalid_argument (also if no group shares the folder), busy (a living process listens
  // there), as NameFolder::open, system.
  [[nodiscard]] static Result<ListeningSocket> open(std::string_view name, Place place);

  ListeningSocket(ListeningSocket&&) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  // Takes the name away, if this is the process that made it.
  ~ListeningSocket();

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  // Whether the name leads to it no more. False of an abstract one, and where it cannot be known.
  [[nodiscard]] bool name_lost() const noexcept;
  // Whether it stands in a folder that only this user enters: no stranger reaches it.
  [[nodiscard]] bool is_private() const noexcept { return folder_ && !folder_->group(); }

 private:
  explicit ListeningSocket(FileDescriptor socket) noexcept;
  [[nodiscard]] Result<void> take_abstract(std::string_view name);
  // In the first, in place of a dead one, if need be, and if none listens in another.
  [[nodiscard]] Result<void> take_in(NameFolders folders, std::string_view name, Place place);
  // Of the socket that was bound there: what is left until peers may come.
  [[nodiscard]] Result<void> open_to_peers(const NameFolder& folder, const std::string& file,
                                           Place place);
  [[nodiscard]] bool is_own_socket(const NameFolder& folder,
                                   const std::string& file) const noexcept;

  FileDescriptor socket_;
  std::optional<NameFolder> folder_;  // nothing: the name is abstract and ends by itself
  std::string file_;                  // in that folder
  ino_t inode_ = 0;                   // of the file
  pid_t owner_pid_;
};

}  // namespace ringbell
