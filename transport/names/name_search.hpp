// How an end comes by the region of a name (held_name.hpp): it looks, takes part in what it finds
// or puts its own in that place, and else looks again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <sys/types.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/names/held_name.hpp>
#include <ringbell/transport/names/name_folder.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

// Why an end takes no part in the region that stands under the name.
enum class NotJoined : std::uint8_t {
  later,    // a participant is about to leave, or what is awaited has not come yet
  replace,  // it has no participant, and it is not what is wanted
};
template <class End>
using Joined = std::variant<NotJoined, End>;

// One end's way to a name. From a look() that found something on it holds the folder's lock, until
// it waits, lets go, or is destroyed.
class NameSearch {
 public:
  // Errors: invalid_argument (the name), as NameFolder::open.
  [[nodiscard]] static Result<NameSearch> begin(std::string_view name, SteadyTime deadline);

  // What stands under the name. Nothing: the name is not in use. Errors: as NameFolder::lock,
  // system.
  [[nodiscard]] Result<std::optional<FileDescriptor>> look();
  // Lets go and sleeps a little. False: the time is up.
  [[nodiscard]] bool wait();
  void let_go() noexcept { lock_.reset(); }
  // Gives the name to the file, in the place of what the last look() found. False: another process
  // came first. Errors: as look().
  [[nodiscard]] Result<bool> give_name(int fd);
  // The name of what was found or given it last, which this end takes part in. The search is over.
  [[nodiscard]] HeldName hold() &&;

  // Of the folder, with a '/' at its end.
  [[nodiscard]] std::string path() const { return folder_.path() + "/"; }
  [[nodiscard]] tl::unexpected<Error> fail_not_found() const;
  [[nodiscard]] tl::unexpected<Error> fail_not_let_go() const;

 private:
  NameSearch(NameFolder folder, std::string name, SteadyTime deadline);
  [[nodiscard]] Result<void> lock();

  NameFolder folder_;
  std::string name_;
  std::string file_;
  SteadyTime deadline_;
  std::chrono::microseconds next_nap_;
  std::optional<NameFolder::Lock> lock_;
  ino_t inode_ = 0;
  bool found_ = false;  // by the last look()
};

// Takes part in what stands under the name, waiting until it does. `join(file)` returns a
// Result<Joined<End>>; it is called under the folder's lock. Errors: not_found, when the time is
// up; what join() failed with; as NameSearch.
template <class End, class Join>
[[nodiscard]] Result<std::pair<End, HeldName>> open_named(std::string_view name, Timeout timeout,
                                                          Join&& join) {
  Result<NameSearch> search = NameSearch::begin(name, end_of(timeout));
  if (!search) return tl::unexpected(std::move(search.error()));
  do {
    Result<std::optional<FileDescriptor>> file = search->look();
    if (!file) return tl::unexpected(std::move(file.error()));
    if (!*file) continue;
    Result<Joined<End>> joined = join(std::move(**file));
    if (!joined) return tl::unexpected(std::move(joined.error()));
    if (End* const end = std::get_if<End>(&*joined)) {
      return std::pair(std::move(*end), std::move(*search).hold());
    }
  } while (search->wait());
  return search->fail_not_found();
}

// Takes part in what stands under the name, or in its place in what `make(folder)` made there: a
// Result<End> of a file that has no name yet. What takes long, making the memory, happens outside
// of the lock. Errors: also busy, what make() failed with.
template <class End, class Join, class Make>
[[nodiscard]] Result<std::pair<End, HeldName>> create_named(std::string_view name, Join&& join,
                                                            Make&& make) {
  // A participant that is about to leave needs the folder's lock once more.
  constexpr std::chrono::seconds kLongestGoodbye{2};
  Result<NameSearch> search = NameSearch::begin(name, end_of(kLongestGoodbye));
  if (!search) return tl::unexpected(std::move(search.error()));
  for (std::optional<End> made;;) {
    Result<std::optional<FileDescriptor>> file = search->look();
    if (!file) return tl::unexpected(std::move(file.error()));
    if (*file) {
      Result<Joined<End>> joined = join(std::move(**file));
      if (!joined) return tl::unexpected(std::move(joined.error()));
      if (End* const end = std::get_if<End>(&*joined)) {
        return std::pair(std::move(*end), std::move(*search).hold());
      }
      if (std::get<NotJoined>(*joined) == NotJoined::later) {
        if (!search->wait()) return search->fail_not_let_go();
        continue;
      }
    }
    if (made) {
      const Result<bool> named = search->give_name(made->region().fd());
      if (!named) return tl::unexpected(named.error());
      if (*named) return std::pair(std::move(*made), std::move(*search).hold());
      continue;
    }
    search->let_go();
    Result<End> end = make(search->path());
    if (!end) return tl::unexpected(std::move(end.error()));
    made.emplace(std::move(*end));
  }
}

}  // namespace ringbell
