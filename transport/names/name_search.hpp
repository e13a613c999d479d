// How an end comes by the region of a name (held_name.hpp): it looks, takes part in what it finds
// or puts its own in that place, and else looks again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <sys/types.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/names/held_name.hpp>
#include <ringbell/transport/names/name_folders.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

// Why an end takes no part in the region that stands under the name.
enum class NotJoined : std::uint8_t {
  later,      // a participant is about to leave, or what is awaited has not come yet
  replace,    // it has no participant, and it is not what is wanted
  set_aside,  // it is not what is wanted, and its readers are to come to its end
  drained,    // it was set aside, and nothing is left for any reader
};
// Which regions of a name an end looks at: only the newest, or, if it reads, those that were set
// aside before it.
enum class Generations : std::uint8_t { newest, oldest_first };
// What stands under a name.
struct FoundFile {
  FileDescriptor file;
  bool is_past = false;       // it was set aside
  AttachOptions attach = {};  // as far as its folder trusts it
};
template <class End>
using Joined = std::variant<NotJoined, End>;

// One end's way to a name, in rounds through all folders. From a look() that found something until
// the next it holds that folder's lock, or those of all from lock_all() on; until it waits, lets
// go, or is destroyed.
class NameSearch {
 public:
  // Errors: invalid_argument (the name), as NameFolders::open.
  [[nodiscard]] static Result<NameSearch> begin(std::string_view name, SteadyTime deadline,
                                                NameFolders::NewNames new_names,
                                                Generations generations);

  // What stands under the name, the next one in this folder or in the next that has it. Nothing:
  // the round is over. Errors: as NameFolder::lock, system.
  [[nodiscard]] Result<std::optional<FoundFile>> look();
  // Not this one: the caller takes part in it.
  void pass_over(ino_t inode) noexcept { passed_over_ = inode; }
  // What to do about what was found last. False: what is newer must wait for it. Errors: system.
  [[nodiscard]] Result<bool> act_on(NotJoined why);
  // Lets go and sleeps a little; the next round begins. False: the time is up.
  [[nodiscard]] bool wait();
  void let_go() noexcept;
  // For a round at whose end a name is given: nothing changes meanwhile. Errors: as
  // NameFolder::lock.
  [[nodiscard]] Result<void> lock_all();
  // Gives the name to a file that was made in path(). False: another process came first. REQUIRES:
  // lock_all(), and a round since. Errors: as look().
  [[nodiscard]] Result<bool> give_name(int fd);
  // The name of what was found or given it last, which this end takes part in. The search is over.
  [[nodiscard]] HeldName hold() &&;

  // Where a name is given after this round.
  [[nodiscard]] const NameFolder& folder();
  [[nodiscard]] tl::unexpected<Error> fail_not_found() const;
  [[nodiscard]] tl::unexpected<Error> fail_not_let_go() const;

 private:
  NameSearch(NameFolders folders, std::string name, SteadyTime deadline, Generations generations);
  [[nodiscard]] Result<void> lock(const NameFolder& folder);
  [[nodiscard]] bool is_past() const noexcept { return file_ != newest_; }
  [[nodiscard]] Result<std::vector<std::string>> files_in(const NameFolder& folder) const;
  [[nodiscard]] Result<bool> begin_folder();
  void begin_round() noexcept;

  NameFolders folders_;
  std::string name_;
  std::string newest_;  // its file
  std::string file_;    // what the last look() found
  Generations generations_;
  SteadyTime deadline_;
  std::chrono::microseconds next_nap_;
  std::vector<NameFolder::Lock> locks_;
  bool locked_all_ = false;
  std::vector<std::string> files_;  // that are looked at next, in place next_ - 1
  std::size_t next_ = 0;            // the place that is looked at after them
  std::size_t at_ = 0;              // where the last look() found something
  ino_t inode_ = 0;                 // and what
  ino_t passed_over_ = 0;
  std::optional<std::size_t> replaces_;  // where a new name goes; nothing: to the first place
  bool sets_aside_ = false;              // what stands there; else it is removed
  bool found_ = false;                   // in this round, or in the last one
};

// Takes part in what stands under the name, waiting until it does. `join(found)` returns a
// Result<Joined<End>>; it is called under the folder's lock. Errors: not_found, when the time is
// up; what join() failed with; as NameSearch.
template <class End, class Join>
[[nodiscard]] Result<std::pair<End, HeldName>> open_named(std::string_view name, Timeout timeout,
                                                          Generations generations, Join&& join,
                                                          ino_t passed_over = 0) {
  Result<NameSearch> search =
      NameSearch::begin(name, end_of(timeout), NameFolders::NewNames::no, generations);
  if (!search) return tl::unexpected(std::move(search.error()));
  search->pass_over(passed_over);
  do {
    for (;;) {
      Result<std::optional<FoundFile>> file = search->look();
      if (!file) return tl::unexpected(std::move(file.error()));
      if (!*file) break;
      Result<Joined<End>> joined = join(std::move(**file));
      if (!joined) return tl::unexpected(std::move(joined.error()));
      if (End* const end = std::get_if<End>(&*joined)) {
        return std::pair(std::move(*end), std::move(*search).hold());
      }
      const Result<bool> goes_on = search->act_on(std::get<NotJoined>(*joined));
      if (!goes_on) return tl::unexpected(goes_on.error());
      if (!*goes_on) break;
    }
  } while (search->wait());
  return search->fail_not_found();
}

// Takes part in what stands under the name, or in its place in what `make(folder)` made there: a
// Result<End> of a file that has no name yet. What takes long, making the memory, happens outside
// of the lock. Errors: also busy, what make() failed with.
template <class End, class Join, class Make>
[[nodiscard]] Result<std::pair<End, HeldName>> create_named(std::string_view name,
                                                            Generations generations, Join&& join,
                                                            Make&& make) {
  // A participant that is about to leave needs the folder's lock once more.
  constexpr std::chrono::seconds kLongestGoodbye{2};
  Result<NameSearch> search =
      NameSearch::begin(name, end_of(kLongestGoodbye), NameFolders::NewNames::yes, generations);
  if (!search) return tl::unexpected(std::move(search.error()));
  std::optional<End> made;
  for (std::string made_in;;) {
    if (made) {
      if (Result<void> locked = search->lock_all(); !locked) {
        return tl::unexpected(std::move(locked.error()));
      }
    }
    bool is_later = false;
    while (!is_later) {
      Result<std::optional<FoundFile>> file = search->look();
      if (!file) return tl::unexpected(std::move(file.error()));
      if (!*file) break;
      Result<Joined<End>> joined = join(std::move(**file));
      if (!joined) return tl::unexpected(std::move(joined.error()));
      if (End* const end = std::get_if<End>(&*joined)) {
        return std::pair(std::move(*end), std::move(*search).hold());
      }
      const Result<bool> goes_on = search->act_on(std::get<NotJoined>(*joined));
      if (!goes_on) return tl::unexpected(goes_on.error());
      is_later = !*goes_on || std::get<NotJoined>(*joined) == NotJoined::later;
    }
    if (is_later) {
      if (!search->wait()) return search->fail_not_let_go();
      continue;
    }
    const std::string here = search->folder().path();
    if (made && made_in == here) {
      const Result<bool> named = search->give_name(made->region().fd());
      if (!named) return tl::unexpected(named.error());
      if (*named) return std::pair(std::move(*made), std::move(*search).hold());
      continue;
    }
    search->let_go();
    made_in = here;
    Result<End> end = make(search->folder());
    if (!end) return tl::unexpected(std::move(end.error()));
    made.emplace(std::move(*end));
  }
}

}  // namespace ringbell
