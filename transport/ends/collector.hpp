// A collector: many contributors, one reader, each contributor's messages in order
// (core/fan_in.hpp). No contributor waits for another, dead or alive.
//
//   Region region = Region::create(CollectorOptions{}.region()).value();
//   // its fd() goes to the other processes, which Region::attach() it
//   Contributor contributor = Contributor::open(std::move(region)).value();
//   contributor.send(bytes);
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <ringbell/core/fan_in.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/copy_in.hpp>
#include <ringbell/transport/ends/participant.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

struct CollectorOptions {
  std::uint32_t contributors = 16;           // at a time, at most 1024
  std::uint64_t capacity_bytes = 64 * 1024;  // of each contributor's lane; a power of two
  std::uint32_t record_alignment = 8;        // 8, 16, 32 or 64
  core::DoorbellKind doorbell = core::DoorbellKind::futex;  // or none
  MemoryOptions memory = {};

  [[nodiscard]] RegionOptions region() const noexcept {
    return {.shape = {.kind = core::RingKind::fan_in,
                      .capacity_bytes = capacity_bytes,
                      .record_alignment = record_alignment,
                      .participants = contributors + 1},
            .doorbell = doorbell,
            .memory = memory};
  }
};

// One that sends, in a lane of its own. Not thread-safe; move-only. What is not explained here is
// as in Sender.
class RINGBELL_API Contributor {
 public:
  // Takes a free lane, and up what a dead contributor left in it. Errors: busy, if there is none;
  // not_a_region, if it holds no collector; corrupt; system.
  [[nodiscard]] static Result<Contributor> open(Region region, const WaitOptions& wait = {});
  // By name, as QueueSender's.
  [[nodiscard]] static Result<Contributor> create(std::string_view name,
                                                  const CollectorOptions& options = {},
                                                  const WaitOptions& wait = {});
  [[nodiscard]] static Result<Contributor> open(std::string_view name, Timeout timeout = kForever,
                                                const WaitOptions& wait = {});

  Contributor(Contributor&&) noexcept = default;
  Contributor& operator=(Contributor&& other) noexcept;
  ~Contributor();

  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    return ring_.claim(size_bytes);
  }
  // An empty span: time is up. Errors: too_large, invalid_argument, closed, peer_dead, corrupt.
  [[nodiscard]] Result<std::span<std::byte>> claim_for(std::uint32_t size_bytes,
                                                       Timeout timeout = kForever);
  void commit() noexcept {
    ring_.commit();
    ring_reader();
  }
  void commit(std::uint32_t size_bytes) noexcept {
    ring_.commit(size_bytes);
    ring_reader();
  }
  void abort() noexcept { ring_.abort(); }

  // False: time is up. Errors: as claim_for.
  [[nodiscard]] Result<bool> send(std::span<const std::byte> message, Timeout timeout = kForever);

  // For epoll, poll and other loops (README, Event loops): the descriptor that is readable once
  // the collector has rung. The first call starts a thread. Errors: unsupported, if this one never
  // sleeps; system.
  [[nodiscard]] Result<int> waitable_fd() {
    return participant_.sleeper().waitable_fd(participant_.own_bell());
  }
  // As Sender::arm().
  [[nodiscard]] bool arm(std::uint32_t size_bytes);
  // Takes it back, for a loop that will not look here for a while.
  void disarm() noexcept { participant_.sleeper().disarm(); }
  // Whether the collector is there. A system call. Its death makes the descriptor readable once
  // WaitOptions::longest_sleep is over.
  [[nodiscard]] PeerState peer() const noexcept;

  // Which lane it has: what Collector::lane() says of its messages.
  [[nodiscard]] std::uint32_t lane() const noexcept { return participant_.number() - 1; }
  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return ring_.max_record_bytes(); }
  [[nodiscard]] const Region& region() const noexcept { return participant_.region(); }
  [[nodiscard]] Stats stats() const noexcept { return participant_.sleeper().stats(); }
  [[nodiscard]] std::uint64_t missed_rings() const noexcept {
    return participant_.sleeper().missed_rings();
  }

 private:
  Contributor(Participant participant, core::FanIn<>::Writer ring) noexcept;
  [[nodiscard]] static Result<Contributor> from(Result<Participant> participant);
  void ring_reader() const noexcept {
    participant_.sleeper().published(region().bells().data_bell.word);
  }
  void close() noexcept;

  Participant participant_;
  core::FanIn<>::Writer ring_;
  CopyIn copy_in_;
};

// The one that reads. Not thread-safe; move-only.
class RINGBELL_API Collector {
 public:
  // Errors: busy, if a living process reads; not_a_region; system.
  [[nodiscard]] static Result<Collector> open(Region region, const WaitOptions& wait = {});
  // By name, as QueueSender's.
  [[nodiscard]] static Result<Collector> create(std::string_view name,
                                                const CollectorOptions& options = {},
                                                const WaitOptions& wait = {});
  [[nodiscard]] static Result<Collector> open(std::string_view name, Timeout timeout = kForever,
                                              const WaitOptions& wait = {});

  Collector(Collector&&) noexcept = default;
  Collector& operator=(Collector&& other) noexcept;
  ~Collector();

  // The next message, in place, and lane() says whose; empty: not now. The same one again until
  // release(). Copy what must not change after a check.
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    const std::span<const std::byte> message = ring_.peek();
    // What was given back in the lane before may have been published by this very look.
    if (message.empty() || ring_.lane() != read_from_) ring_contributor();
    if (!message.empty()) read_from_ = ring_.lane();
    return message;
  }
  // The same, waiting for one. Empty: time is up; contributors may come and go.
  [[nodiscard]] std::span<const std::byte> peek_for(Timeout timeout = kForever);
  // Gives it back to its contributor. REQUIRES: the last peek() returned a message.
  void release() noexcept {
    ring_.release();
    ring_contributor();
  }
  [[nodiscard]] std::uint32_t lane() const noexcept { return ring_.lane(); }

  // Copies the next message out and returns its size; 0: time is up. Errors: too_large if `into` is
  // too small, the message then stays where it is.
  [[nodiscard]] Result<std::size_t> receive(std::span<std::byte> into, Timeout timeout = kForever);

  // For epoll, poll and other loops (README, Event loops): the descriptor that is readable once a
  // contributor has rung. The first call starts a thread. Errors: unsupported, if this one never
  // sleeps; system.
  [[nodiscard]] Result<int> waitable_fd() {
    return participant_.sleeper().waitable_fd(region().bells().data_bell.word);
  }
  // Announces a sleep, then looks. False: do not sleep: there is a message. True: armed until the
  // descriptor becomes readable; look then, and arm() again.
  [[nodiscard]] bool arm();
  // Takes it back, for a loop that will not look here for a while.
  void disarm() noexcept { participant_.sleeper().disarm(); }

  [[nodiscard]] std::uint32_t lane_count() const noexcept { return ring_.lane_count(); }
  // Lanes in which something impossible stood. They are set aside, the others go on.
  [[nodiscard]] std::uint32_t corrupt_lanes() const noexcept { return ring_.corrupt_lanes(); }
  // What stood there; no field, if nothing did. REQUIRES: lane < lane_count().
  [[nodiscard]] const core::Finding& finding(std::uint32_t lane) const noexcept {
    return ring_.finding(lane);
  }
  [[nodiscard]] const Region& region() const noexcept { return participant_.region(); }
  [[nodiscard]] Stats stats() const noexcept { return participant_.sleeper().stats(); }
  [[nodiscard]] std::uint64_t missed_rings() const noexcept {
    return participant_.sleeper().missed_rings();
  }

 private:
  using Storage = std::vector<core::FanIn<>::ReaderLane>;

  Collector(Participant participant, Storage storage) noexcept;
  [[nodiscard]] static Result<Collector> from(Result<Participant> participant);
  void ring_contributor() const noexcept {
    participant_.sleeper().published(participant_.bell_of(read_from_ + 1));
  }
  void close() noexcept;

  Participant participant_;
  Storage storage_;  // what ring_ keeps of the lanes; it stays where it is if the vector moves
  core::FanIn<>::Reader ring_;
  std::uint32_t read_from_ = 0;  // the lane of the message that was peeked last
};

}  // namespace ringbell
