// A channel: a region with an SpscRing in it, and the doorbells that wake its sleepers.
// From a channel come the two endpoints, Sender and Receiver, one each, in the same process or in
// two.
//
// A channel is made in one process and reaches the other as file descriptors: inherited over fork,
// or passed over a UNIX socket (connection.hpp does that); or it has a name (Sender::create).
#pragma once

#include <cstdint>

#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/doorbell.hpp>

namespace ringbell {

// What the sender that creates a channel by name does about one that stands there and is not what
// it wants: of other options, or of another layout.
enum class Replace : std::uint8_t {
  when_dead,  // it is replaced once no process takes part in it, with what is left in it
  // It is set aside as soon as no sender has it: its receiver reads it to its end, and then goes on
  // in the new one.
  when_drained,
};

struct ChannelOptions {
  static constexpr std::uint64_t kDefaultCapacityBytes = 256UL * 1024;

  // Of the ring. Rounded up to a power of two, and to whole pages. Smallest 4096.
  std::uint64_t capacity_bytes = kDefaultCapacityBytes;
  // 8, 16, 32 or 64. With 64 no two records share a cache line.
  std::uint32_t record_alignment = 8;
  // 8, 16, 32 or 64, no more than record_alignment: messages stand at multiples of it.
  std::uint32_t payload_alignment = 8;
  core::DoorbellKind doorbell = core::DoorbellKind::futex;
  MemoryOptions memory = {};
  // Each record carries when it was sent and by which sender, in 16 bytes: Receiver::user_header().
  // So a receiver can pass over what is too old: Receiver::peek_fresh_for.
  bool timed = false;
  Replace replace = Replace::when_dead;
  // Room for a seal in front of each record, so that those that are whole are found after a power
  // cut (sealed.hpp). 16 bytes a record, in the place of the time. In a file only.
  bool seals = false;
  core::TypeRecord type = {};  // of the messages, for the typed ends

  [[nodiscard]] RegionOptions region() const {
    return {.shape = {.kind = core::RingKind::spsc,
                      .capacity_bytes = capacity_bytes,
                      .record_alignment = record_alignment,
                      .payload_alignment = payload_alignment,
                      .user_header_bytes =
                          timed || seals ? std::uint32_t{sizeof(core::UserHeader)} : 0},
            .doorbell = doorbell,
            .memory = memory,
            .seals = seals,
            .type = type};
  }
};

// What must be handed to the other process. The doorbells are -1 unless the channel rings by
// eventfd.
struct ChannelFds {
  int memory = -1;
  int data_bell = -1;   // wakes the receiver: something was committed
  int space_bell = -1;  // wakes the sender: there is room again
};

class RINGBELL_API Channel {
 public:
  // Errors: as Region::create; system, if no eventfd can be had.
  [[nodiscard]] static Result<Channel> create(const ChannelOptions& options = {});

  // Duplicates the descriptors, so that the caller keeps its own. Errors: as Region::attach;
  // not_a_region if it holds another ring; invalid_argument if the region rings by eventfd and a
  // bell is missing or is no eventfd.
  [[nodiscard]] static Result<Channel> attach(const ChannelFds& fds,
                                              const AttachOptions& options = {});

  // The same in a region that is attached already. Of `fds` the bells count.
  [[nodiscard]] static Result<Channel> attach(Region region, const ChannelFds& fds = {});

  // The same for two processes that do not trust each other: both bells are one of two connected
  // stream sockets, of which the peer has the other, so that no side can hold the other up. A
  // Listener makes such. Errors: also invalid_argument, if it is no such socket.
  [[nodiscard]] static Result<Channel> attach_by_socket(Region region, FileDescriptor socket);

  // A channel whose memory has a name; it rings by futex or not at all. Errors: as Region::open.
  [[nodiscard]] static Result<Channel> open(Backing backing, const std::string& name,
                                            const AttachOptions& options = {});

  // The ring of a driver, /dev/ringbellN (kernel/README.md): the kernel has its role when this
  // returns, and closes in order once the channel, and what was made of it, is gone. Rings by
  // eventfd. Errors: as Region::attach; not_found; busy, if another process has it.
  [[nodiscard]] static Result<Channel> attach_device(const std::string& path,
                                                     const AttachOptions& options = {});

  // Stay owned by the channel; close-on-exec is set.
  [[nodiscard]] ChannelFds fds() const noexcept;

  [[nodiscard]] Region& region() noexcept { return region_; }
  [[nodiscard]] const Region& region() const noexcept { return region_; }
  [[nodiscard]] const Doorbell& data_bell() const noexcept { return data_bell_; }
  [[nodiscard]] const Doorbell& space_bell() const noexcept { return space_bell_; }

 private:
  Channel(Region region, Doorbell data_bell, Doorbell space_bell) noexcept;

  Region region_;
  Doorbell data_bell_;
  Doorbell space_bell_;
};

}  // namespace ringbell
