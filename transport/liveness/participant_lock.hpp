// Liveness: a participant of a ring holds a lock that the kernel drops however its process dies.
//
// Each participant has a number, and the byte of that number in the region's file. It holds an OFD
// lock on the byte, taken on an open file description of its own (the file reopened through
// /proc/self/fd), close-on-exec. A zombie does not keep it, a reused pid does not fake it, another
// pid namespace does not confuse it, and a child of fork() does not keep it (file_descriptor.hpp).
//
//   0 ... participants - 1            2^20 ... 2^20 + kSeats - 1
//   | participants              |     | seats                    |
//
// A seat is held by an end that is no participant, so that it can be counted. It keeps no name
// alive, and no process waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell {

class RINGBELL_API ParticipantLock {
 public:
  // `role` and `pid`, what the region says of the holder, are for the message. Errors: busy, if a
  // live participant holds it; system.
  [[nodiscard]] static Result<ParticipantLock> take(int region_fd, std::uint32_t number,
                                                    std::string_view role, std::uint32_t pid = 0);
  // The first free one of `first` to `end - 1`, looked for from somewhere among them, so that the
  // number of a dead one is seldom the next to be given away. Trying one is a system call: those of
  // which `is_taken` is told, rightly or not, are tried last. One that is being mended is waited
  // for, 100 ms at most. Errors: no_place, if there is none; system. REQUIRES: first < end.
  using Told = std::function<bool(std::uint32_t number)>;
  [[nodiscard]] static Result<ParticipantLock> take_any(int region_fd, std::uint32_t first,
                                                        std::uint32_t end, std::string_view role,
                                                        const Told& is_taken = nullptr);

  // The place of a participant that is gone: no process takes it while this lives, but it is no
  // participant's, and is_held() is false. Several may have it. Errors: busy, if a live one has it;
  // system.
  [[nodiscard]] static Result<ParticipantLock> take_to_mend(int region_fd, std::uint32_t number);

  // More are not counted: a bound for what a hostile process can make of it.
  static constexpr std::uint32_t kSeats = 4096;
  // A free seat of the first so many. Errors: as take_any. REQUIRES: 0 < count <= kSeats.
  [[nodiscard]] static Result<ParticipantLock> take_seat(int region_fd,
                                                         std::string_view role = "subscriber",
                                                         std::uint32_t count = kSeats);
  // Which one, from 0 on. REQUIRES: it is a seat's.
  [[nodiscard]] std::uint32_t seat() const noexcept;
  // How many seats are held, by other open file descriptions than that of `region_fd`. Two system
  // calls for each, and one more.
  [[nodiscard]] static std::uint32_t seats_held(int region_fd) noexcept;

  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

  // Lets go before the end, also for a child of fork() that has a copy.
  void drop() noexcept;

  // The same, and closes the descriptor: is_held() is always true from then on.
  void let_go() noexcept { file_ = FileDescriptor(); }

  // Whether another participant holds that number now. One system call. An error counts as held: a
  // doubt never declares a participant dead.
  [[nodiscard]] bool is_held(std::uint32_t number) const noexcept {
    return is_held(file_.get(), number);
  }
  // The same for a process that holds no lock on the region; `region_fd` may be open for reading
  // only.
  [[nodiscard]] static bool is_held(int region_fd, std::uint32_t number) noexcept;
  // Whether any participant is there. Seats do not count.
  [[nodiscard]] static bool any_held(int region_fd) noexcept;

 private:
  ParticipantLock(FileDescriptor file, std::uint32_t number) noexcept;

  FileDescriptor file_;
  std::uint32_t number_;
};

}  // namespace ringbell
