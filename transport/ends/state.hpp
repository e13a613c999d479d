// A state: the latest value, of one key or several; one writer, any number of readers
// (core/state.hpp). The writer never waits. A reader gets the newest value, whole, and never one
// that came before what it had; those between it does not see.
//
//   State state = State::create({.value_bytes = 200}).value();   // state.fds() for the others
//   StateWriter writer = StateWriter::open(std::move(state)).value();
//   writer.set(bytes);
//
// Readers map the values read-only: their region is sealed. What they must write, to say that they
// sleep and which value they look at in place, is in another region.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <ringbell/core/state.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/group_end.hpp>
#include <ringbell/transport/ends/not_now.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

struct StateOptions {
  std::uint32_t value_bytes =
      256;                 // the largest; each key takes four times that much room, or more
  std::uint32_t keys = 1;  // at most 65536
  // Those that may look at values in place, at a time, at most 1024. Each takes a buffer more for
  // each key; a reader that copies takes none, and there may be any number of them.
  std::uint32_t readers_in_place = 0;
  core::DoorbellKind doorbell = core::DoorbellKind::futex;  // or none
  MemoryOptions memory = {};
  core::TypeRecord type = {};  // of the values, for the typed ends

  RINGBELL_API [[nodiscard]] RegionOptions region() const;
};

// What must be handed to the other processes.
struct StateFds {
  int memory = -1;
  int bells = -1;
};

class RINGBELL_API State {
 public:
  // Errors: as Region::create.
  [[nodiscard]] static Result<State> create(const StateOptions& options = {});
  // To read: the values are mapped read-only. The caller keeps its descriptors. Errors: as
  // Region::attach; not_a_region, if it holds something else.
  [[nodiscard]] static Result<State> attach(const StateFds& fds);

  // Stay owned by the state; close-on-exec is set.
  [[nodiscard]] StateFds fds() const noexcept;
  [[nodiscard]] const Region& region() const noexcept { return region_; }

 private:
  friend class StateWriter;
  friend class StateReader;
  State(Region region, Region bells, bool writable) noexcept;

  Region region_;
  Region bells_;
  bool writable_;
};

// The end that writes. Not thread-safe; move-only.
class RINGBELL_API StateWriter : public GroupEnd {
 public:
  // Errors: busy, if a living process writes; permission, if another process made the state;
  // corrupt; system.
  [[nodiscard]] static Result<StateWriter> open(State state, const WaitOptions& wait = {});
  // Under this name (names/README.md): makes the state, or goes on with what a writer left there
  // with these options. Errors: as Participant::create.
  [[nodiscard]] static Result<StateWriter> create(std::string_view name,
                                                  const StateOptions& options = {},
                                                  const WaitOptions& wait = {});

  StateWriter(StateWriter&&) noexcept = default;
  StateWriter& operator=(StateWriter&& other) noexcept { return replace(*this, std::move(other)); }
  // Closes in order: readers that wait learn `closed`. The values stay for those that are there.
  ~StateWriter();

  // Copies a value in: it is the newest from now on. Errors: too_large; invalid_argument, if there
  // is no such key; corrupt.
  [[nodiscard]] Result<void> set(std::span<const std::byte> value, std::uint32_t key = 0);

  // The same in place: room for a value of up to max_value_bytes(), uninitialised, visible from
  // commit() on. Claiming again forgets the first claim. Nothing: there is no such key, or corrupt.
  [[nodiscard]] std::optional<std::span<std::byte>> claim(std::uint32_t key = 0) noexcept {
    [[maybe_unused]] const auto whole = inside();
    is_claimed_ = false;
    if (key >= keys()) return std::nullopt;
    const std::optional<std::span<std::byte>> room = if_any(ring_.claim(key));
    is_claimed_ = room.has_value();
    return room;
  }
  // False: nothing is claimed, or it cannot have that size, and nothing happened.
  bool commit(std::size_t size_bytes) noexcept {
    [[maybe_unused]] const auto whole = inside();
    if (!is_claimed_ || !fits(size_bytes, max_value_bytes())) [[unlikely]]
      return false;
    is_claimed_ = false;
    ring_.commit(static_cast<std::uint32_t>(size_bytes));
    ring_readers();
    return true;
  }
  void abort() noexcept { is_claimed_ = false; }

  [[nodiscard]] std::uint32_t keys() const noexcept { return ring_.keys(); }
  [[nodiscard]] std::uint32_t max_value_bytes() const noexcept { return ring_.value_bytes(); }
  // How often it was set, by this writer and those before it; 0 if there is no such key.
  [[nodiscard]] std::uint64_t number(std::uint32_t key = 0) const noexcept {
    return key < keys() ? ring_.number(key) : 0;
  }
  // Unsupported: it never waits.
  [[nodiscard]] Result<int> waitable_fd();

 private:
  StateWriter(Participant participant, std::optional<Region> bells,
              core::State<>::Writer ring) noexcept;
  [[nodiscard]] static Result<StateWriter> from(Result<Participant> participant,
                                                std::optional<Region> bells);
  [[nodiscard]] const Region& bells() const noexcept { return bells_ ? *bells_ : region(); }
  void ring_readers() const noexcept {
    participant_.sleeper().published(bells().bells().data_bell.word);
  }

  std::optional<Region> bells_;  // if they are not in the state's own region
  core::State<>::Writer ring_;
  bool is_claimed_ = false;
};

// An end that reads. Not thread-safe; move-only.
class RINGBELL_API StateReader {
 public:
  // Errors: as Region::attach; system.
  [[nodiscard]] static Result<StateReader> open(State state, const WaitOptions& wait = {});
  // By name: waits until the state's writer is there. The name goes with the writer: open it anew
  // after `closed`. Errors: also not_found, when time is up; other_ring, if it is none, or its
  // values are not of a `type` that was asked for.
  [[nodiscard]] static Result<StateReader> open(std::string_view name,
                                                Timeout timeout = kOpenTimeout,
                                                const WaitOptions& wait = {},
                                                const core::TypeRecord& type = {});

  StateReader(StateReader&&) noexcept;
  StateReader& operator=(StateReader&& other) noexcept { return replace(*this, std::move(other)); }
  ~StateReader();

  // Copies the newest value out and returns its size; nothing: there is none yet. Never waits.
  // Errors: corrupt; timed_out, if the writer overtook it again and again; invalid_argument, if
  // there is no such key, or `into` is shorter than max_value_bytes().
  [[nodiscard]] Result<std::optional<std::size_t>> get(std::span<std::byte> into,
                                                       std::uint32_t key = 0);
  // Whether there is a newer value than this reader has had of this key. One load.
  [[nodiscard]] bool changed(std::uint32_t key = 0) const noexcept {
    return key < seen_.size() && ring_->number(key) != seen_[key];
  }
  // Waits until changed(). False: time is up. Errors: closed, peer_dead: nothing newer will come,
  // what there is can be read all the same; invalid_argument, if there is no such key.
  [[nodiscard]] Result<bool> wait_changed(Timeout timeout = kForever, std::uint32_t key = 0);
  // The same for all keys.
  [[nodiscard]] Result<bool> wait_any_changed(Timeout timeout = kForever);

  // The newest value where it stands; it stays as it is until release(), or the next look().
  // Nothing: there is none yet. Never waits. Errors: as get(); no_place, if as many readers look
  // as StateOptions::readers_in_place says; system.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> look(std::uint32_t key = 0);
  // Done with it. False: it changed all the same, which only a hostile peer makes it do; or there
  // is nothing to release.
  bool release() noexcept { return ring_->release(); }

  // Which value this reader has had last, from 1 on: the difference of two counts what it did not
  // see. 0: none.
  [[nodiscard]] std::uint64_t number(std::uint32_t key = 0) const noexcept {
    return key < seen_.size() ? seen_[key] : 0;
  }

  // For epoll and other loops (ends/README.md, Event loops): the descriptor that is readable once
  // the writer has rung. The first call starts a thread. Errors: unsupported, if this one never
  // sleeps; system.
  [[nodiscard]] Result<int> waitable_fd() { return sleeper_.waitable_fd(); }
  // Announces a sleep, then looks. False: do not sleep: some key has changed, or wait_changed() has
  // an Error to tell. True: armed until the descriptor becomes readable; look then, and arm again.
  [[nodiscard]] bool arm();
  void disarm() noexcept { sleeper_.disarm(); }
  // As GroupEnd's.
  [[nodiscard]] SleepingPlace sleeping_word() noexcept { return sleeper_.sleeping_word(); }
  void interrupt() noexcept;
  // As GroupEnd's. The name also goes when the writer closes.
  [[nodiscard]] bool name_lost() const noexcept { return name_ && name_->is_lost(); }
  // Whether the writer is there. A system call.
  [[nodiscard]] PeerState peer() const noexcept { return peer_state(region()); }

  [[nodiscard]] std::uint32_t keys() const noexcept { return ring_->keys(); }
  [[nodiscard]] std::uint32_t max_value_bytes() const noexcept { return ring_->value_bytes(); }
  [[nodiscard]] const Region& region() const noexcept { return state_.region(); }
  [[nodiscard]] Stats stats() const noexcept { return sleeper_.parker().stats(); }

 private:
  StateReader(State state, const WaitOptions& wait);
  [[nodiscard]] core::StateMemory<const std::byte> memory() const noexcept;
  [[nodiscard]] Result<void> check_key(std::uint32_t key) const;
  [[nodiscard]] Result<void> take_place();
  [[nodiscard]] bool any_changed() const noexcept;
  template <class Ready>
  [[nodiscard]] Result<bool> wait_until(Ready&& ready, Timeout timeout);
  // Why a call of the ring found nothing. `none_yet`: there is no value.
  [[nodiscard]] Result<void> explain(std::uint32_t key) const;

  State state_;
  std::optional<HeldName> name_;
  Sleeper sleeper_;
  std::vector<std::uint64_t> seen_;            // of each key, the number that was had last
  std::optional<ParticipantLock> place_;       // that of ring_'s number, from the first look() on
  std::optional<core::State<>::Reader> ring_;  // always there
  int owner_pid_;                              // the process that opened it
};

}  // namespace ringbell
