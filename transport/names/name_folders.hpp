// The folders in which a user's names can be: the one for new names, and those that processes of
// the same user take whose environment is another (a service has no XDG_RUNTIME_DIR that its user's
// login shell has).
//
//   $RINGBELL_DIR                it alone, if it is set
//   $XDG_RUNTIME_DIR/ringbell    if that is this user's folder: for new names
//   /dev/shm/ringbell-UID        else this one is
//   /run/user/UID/ringbell       if that is this user's folder
//
// A name is in one of them: a process that makes one has the locks of all and has looked in all.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/names/name_folder.hpp>

namespace ringbell {

class RINGBELL_API NameFolders {
 public:
  enum class NewNames { yes, no };
  // With new names the first folder is made if it is not there; nothing else ever is. Errors: as
  // NameFolder::open, of the first; another one that is not as it must be is passed over.
  [[nodiscard]] static Result<NameFolders> open(NewNames new_names) {
    return open(new_names, ::geteuid());
  }
  // The folders of another user, for a process that may look into them. Makes none. Errors: as
  // open().
  [[nodiscard]] static Result<NameFolders> of_user(uid_t user) { return open(NewNames::no, user); }

  // The places, whether there is a folder or not. 0 is that for new names.
  [[nodiscard]] std::size_t count() const noexcept { return paths_.size(); }
  // Nothing: it is not there now. Else it stays what it is.
  [[nodiscard]] const NameFolder* at(std::size_t place);
  // The first that has a file of this name. Nothing: none has.
  [[nodiscard]] const NameFolder* with(const std::string& file);
  // After it nothing is there.
  [[nodiscard]] NameFolder take(std::size_t place) { return std::move(*folders_[place]); }

  // Of all that are there, in one order for all processes. Errors: as NameFolder::lock.
  [[nodiscard]] Result<std::vector<NameFolder::Lock>> lock_all();

  // For people: "A, B or C".
  [[nodiscard]] std::string text() const;

 private:
  NameFolders(std::vector<std::string> paths, uid_t user);
  [[nodiscard]] static Result<NameFolders> open(NewNames new_names, uid_t user);
  [[nodiscard]] std::size_t how_many_are_there();

  std::vector<std::string> paths_;
  std::vector<std::optional<NameFolder>> folders_;  // as many
  uid_t user_;                                      // whose they are
};

}  // namespace ringbell
