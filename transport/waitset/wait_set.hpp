// One wait on any number of ends, descriptors and times, in one thread.
//
//   WaitSet set = WaitSet::create().value();
//   const WaitSet::Id orders = set.add(receiver).value();
//   const WaitSet::Id socket = set.add(fd, POLLIN).value();
//   for (;;) {
//     for (const WaitSet::Event& event : set.wait().value()) {
//       if (event.id == orders) ...                 // receiver.receive(buffer, 0ns)
//     }
//   }
//
// Rules
//   It is level-triggered: what is there and was not taken is told again by the next wait().
//   One thread; interrupt() alone may come from another, or from a signal handler.
//   An end stays where it is, and a descriptor open, until it was removed or the set is gone.
//   Between two waits an end may be used as if it were in no set; it stands in one set at a time.
//   A set does not survive a fork: in the child each call is an Error.
//
// No wake-up is lost. Each end is armed as its own waiting call arms it: it announces its sleep in
// its bell word, passes the barrier, and looks again (core/parking.hpp, K1 to K3). From then on
// either the word says `parked` and nothing has come, or a ring has changed the word (if not what
// other ends say there of fences), or, where it rings by a descriptor, made that readable. The
// kernel compares every word with what it said when it was armed (futex_words.hpp), under the lock
// of the ringer's FUTEX_WAKE, and epoll is level-triggered. So the set sleeps only while each
// single end could have slept. It adds:
//   S1  An end is armed until its word has changed or its descriptor was readable, and then armed
//       anew before the next sleep. The kernel lets no sleep begin on one that was rung since.
//   S2  What is not compared by the kernel in that one call is counted into a word that is: of
//       interrupt(), and of the thread that polls descriptors (descriptor_watch.hpp). That word is
//       read before the last look.
//   S3  No sleep is longer than a slice (WaitOptions::longest_sleep). After one, each end asks
//       after its peer and is armed anew: a ring that a dying peer left out costs one slice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <poll.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/sleep/stats.hpp>
#include <ringbell/transport/sleep/wait.hpp>
#include <ringbell/transport/waitset/waited_end.hpp>

namespace ringbell {

class WaitSetState;  // wait_set_state.hpp

struct WaitSetOptions {
  // How the set waits, whatever its ends were told: how long it spins, and its slices.
  WaitOptions wait = {};
  // On how many futex words it sleeps by itself. Each end beyond them that rings by futex has a
  // thread that does so in its place. 0: as on Linux before 5.16.
  std::size_t words = 127;
};

class RINGBELL_API WaitSet {
 public:
  // Names what was added. Never used again by this set.
  using Id = std::uint64_t;

  enum class What : std::uint8_t {
    ready,   // a call would give a message, room, an answer or a new value at once; a descriptor
             // has `events`; a time is up
    closed,  // nothing is left to take, and the peer has closed
    dead,    // nothing is left to take, and the peer is dead
    failed,  // a call has an Error to tell (corrupt, evicted)
  };
  struct Event {
    Id id = 0;
    What what = What::ready;
    unsigned events = 0;  // of a descriptor: POLLIN and the like, also POLLERR and POLLHUP
  };

  // Errors: no_space, if this user may watch no more (/proc/sys/fs/epoll/max_user_watches); system.
  [[nodiscard]] static Result<WaitSet> create(const WaitSetOptions& options = {});

  WaitSet(WaitSet&&) noexcept;
  WaitSet& operator=(WaitSet&&) noexcept;
  WaitSet(const WaitSet&) = delete;
  WaitSet& operator=(const WaitSet&) = delete;
  ~WaitSet();

  // An end of any kind: one that reads or serves is ready when something has come, one that sends
  // (to a queue, or a lossless topic) while there is room, a client when its call is answered and
  // while none is under way. Errors: unsupported, if it never sleeps (no doorbell, or
  // WaitOptions::kind is spin); no_space, as create(); system.
  template <class End>
  requires Waitable<End>
  [[nodiscard]] Result<Id> add(End& end) { return add(std::make_unique<WaitedEndOf<End>>(end)); }
  // A Sender or Contributor: ready while there is room for a record of this size.
  template <class End>
  requires Waitable<End, std::size_t>
  [[nodiscard]] Result<Id> add(End& end, std::size_t size_bytes) {
    return add(std::make_unique<WaitedEndOf<End, std::size_t>>(end, size_bytes));
  }
  // A typed end.
  template <class End>
  requires requires(End& end) { end.bytes(); }
  [[nodiscard]] Result<Id> add(End& end) { return add(end.bytes()); }
  // A descriptor, once. Errors: invalid_argument, if it cannot be polled or is here already;
  // no_space, as create(); system.
  [[nodiscard]] Result<Id> add(int fd, unsigned events = POLLIN);
  // A time: ready once when `first` is over, and then, unless `interval` is 0, once after each. An
  // interval that passed while there was no wait() is not made up for.
  [[nodiscard]] Result<Id> add_timer(Timeout first, Timeout interval = Timeout::zero());
  // No event of it comes any more. An id that is none: nothing happens.
  void remove(Id id) noexcept;
  [[nodiscard]] bool contains(Id id) const noexcept;
  // How many members it has: no wait() tells of more.
  [[nodiscard]] std::size_t size() const noexcept;

  // Waits until something is ready, until the time is up, or interrupt(). All that is ready, valid
  // until the next call; none: time is up. Errors: cancelled, by interrupt(); invalid_argument, in
  // a child of fork().
  [[nodiscard]] Result<std::span<const Event>> wait(Timeout timeout = kForever);

  // Ends the wait under way, or the next one that does not find at once what it waits for.
  // Async-signal-safe. until_stopped() (ends/until_stopped.hpp) calls it for a std::stop_token.
  void interrupt() noexcept;

  // What it waited. missed_rings: ends that had something after a slice although no ring had come.
  [[nodiscard]] Stats stats() const noexcept;

 private:
  explicit WaitSet(std::unique_ptr<WaitSetState> state) noexcept;
  [[nodiscard]] Result<Id> add(std::unique_ptr<WaitedEnd> end);

  std::unique_ptr<WaitSetState> state_;
};

}  // namespace ringbell
