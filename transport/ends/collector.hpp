// A collector: many contributors, one reader, each contributor's messages in order
// (core/fan_in.hpp). No contributor waits for another, dead or alive.
//
//   Region region = Region::create(CollectorOptions{}.region()).value();
//   // its fd() goes to the other processes, which Region::attach() it
//   Contributor contributor = Contributor::open(std::move(region)).value();
//   contributor.send(bytes);
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <ringbell/core/fan_in.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/group_end.hpp>
#include <ringbell/transport/ends/line_choice.hpp>
#include <ringbell/transport/ends/record_time.hpp>
#include <ringbell/transport/ends/record_writer.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

struct CollectorOptions {
  std::uint32_t contributors = 16;           // at a time, at most 1024
  std::uint64_t capacity_bytes = 64 * 1024;  // of each contributor's lane; a power of two
  std::uint32_t record_alignment = 8;        // 8, 16, 32 or 64
  std::uint32_t payload_alignment = 8;       // as ChannelOptions has it
  core::DoorbellKind doorbell = core::DoorbellKind::futex;  // or none
  MemoryOptions memory = {};
  core::TypeRecord type = {};  // of the messages, for the typed ends
  // Each message carries in 16 bytes when it was sent and by which sender: user_header().
  bool timed = false;

  [[nodiscard]] RegionOptions region() const noexcept {
    return {.shape = {.kind = core::RingKind::fan_in,
                      .capacity_bytes = capacity_bytes,
                      .record_alignment = record_alignment,
                      .participants = contributors + 1,
                      .payload_alignment = payload_alignment,
                      .user_header_bytes = timed ? std::uint32_t{sizeof(core::UserHeader)} : 0},
            .doorbell = doorbell,
            .memory = memory,
            .type = type};
  }
};

// An end that sends, in a lane of its own. Not thread-safe; move-only. A lane that another one left
// spoilt is passed over. What is not explained here is as in Sender.
class RINGBELL_API Contributor : public OpenedEnd<Contributor, CollectorOptions>,
                                 public RecordWriter<Contributor, core::FanIn<>::Writer> {
 public:
  Contributor(Contributor&&) noexcept = default;
  Contributor& operator=(Contributor&& other) noexcept { return replace(*this, std::move(other)); }
  ~Contributor();

  // As Sender::arm().
  [[nodiscard]] bool arm(std::size_t size_bytes);
  // Whether the collector is there. A system call. Its death makes the descriptor readable once
  // WaitOptions::longest_sleep is over.
  [[nodiscard]] PeerState peer() const noexcept;

  // Which lane it has: what Collector::lane() says of its messages.
  [[nodiscard]] std::uint32_t lane() const noexcept { return participant_.number() - 1; }

 private:
  using Writer = RecordWriter<Contributor, core::FanIn<>::Writer>;
  friend Writer;
  friend OpenedEnd<Contributor, CollectorOptions>;

  [[nodiscard]] static Part part() noexcept;
  [[nodiscard]] static Result<Contributor> on(Participant participant);
  Contributor(Participant participant, core::FanIn<>::Writer ring) noexcept;
  void published() const noexcept {
    participant_.sleeper().published(region().bells().data_bell.word);
  }
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claim_later(std::size_t size_bytes,
                                                                        Timeout timeout);
};

// The end that reads. Not thread-safe; move-only.
class RINGBELL_API Collector : public OpenedEnd<Collector, CollectorOptions> {
 public:
  Collector(Collector&&) noexcept = default;
  Collector& operator=(Collector&& other) noexcept { return replace(*this, std::move(other)); }
  ~Collector();

  // The next message, in place, and lane() says whose; nothing: not now. The same one again until
  // release(). Copy what must not change after a check.
  [[nodiscard]] std::optional<std::span<const std::byte>> peek() noexcept {
    [[maybe_unused]] const auto whole = inside();
    const std::span<const std::byte> message = ring_.peek();
    peeked_ = message.data() != nullptr;
    // What was given back in the lane before may have been published by this very look.
    if (!peeked_ || ring_.lane() != read_from_) look_moved_on(peeked_);
    if (!peeked_) return std::nullopt;
    return message;
  }
  // The same, waiting for one. Nothing: time is up; contributors may come and go. No Errors yet.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> peek_for(
      Timeout timeout = kForever);
  // Gives it back to its contributor. Nothing happens if no message was peeked since.
  void release() noexcept {
    [[maybe_unused]] const auto whole = inside();
    if (!std::exchange(peeked_, false)) [[unlikely]]
      return;
    ring_.release();
    head_published();
  }
  // How far this one is behind: bytes in all lanes that were committed and not given back, the
  // peeked message included, with headers and padding. Looks at each such message.
  [[nodiscard]] std::uint64_t lag() const noexcept { return ring_.unread().bytes; }
  // Whose the peeked message is.
  [[nodiscard]] std::uint32_t lane() const noexcept { return ring_.lane(); }
  // As Receiver::user_header(), of the peeked message (CollectorOptions::timed).
  [[nodiscard]] std::optional<UserHeader> user_header() noexcept;

  // Copies the next message out and returns its size; nothing: time is up. Errors: too_large if
  // `into` is too small, the message then stays where it is.
  [[nodiscard]] Result<std::optional<std::size_t>> receive(std::span<std::byte> into,
                                                           Timeout timeout = kForever) {
    [[maybe_unused]] const auto whole = inside();
    return receive_from(*this, into, timeout);
  }

  // Announces a sleep, then looks. False: do not sleep: there is a message. True: armed until the
  // descriptor becomes readable; look then, and arm() again.
  [[nodiscard]] bool arm();

  [[nodiscard]] std::uint32_t lane_count() const noexcept { return ring_.lane_count(); }
  // Lanes in which something impossible stood. They are set aside, the others go on. When its
  // contributor is gone, a lane is cleared by a call that waits or polls, and serves again.
  [[nodiscard]] std::uint32_t corrupt_lanes() const noexcept { return ring_.corrupt_lanes(); }
  // What stood there; no field, if nothing did, or there is no such lane.
  [[nodiscard]] core::Finding finding(std::uint32_t lane) const noexcept {
    return lane < lane_count() ? ring_.finding(lane) : core::Finding{};
  }

 private:
  using Storage = std::vector<core::FanIn<>::ReaderLane>;
  friend OpenedEnd<Collector, CollectorOptions>;

  [[nodiscard]] static Part part() noexcept;
  [[nodiscard]] static Result<Collector> on(Participant participant);
  Collector(Participant participant, Storage storage) noexcept;
  // Rings the contributor of the lane that was read from if a new head was published there.
  void head_published() noexcept {
    const std::uint64_t head = ring_.published_head(read_from_);
    if (head == head_rung_) [[likely]]
      return;
    if (lines_.gave_back(head - head_rung_)) [[unlikely]] {
      lines_.next(LineChoice::Clock::now());
      ring_.keep_lines(lines_.keeps());
    }
    head_rung_ = head;
    participant_.sleeper().published(participant_.bell_of(read_from_ + 1));
  }
  void look_moved_on(bool found) noexcept;
  struct Contributors;
  void mend_lanes() noexcept;

  Storage storage_;  // what ring_ keeps of the lanes; it stays where it is if the vector moves
  core::FanIn<>::Reader ring_;
  LineChoice lines_;
  std::uint64_t head_rung_;      // of the lane read_from_
  std::uint32_t read_from_ = 0;  // the lane of the message that was peeked last
  std::uint32_t polls_ = 0;      // that found nothing
  bool peeked_ = false;
};

}  // namespace ringbell
