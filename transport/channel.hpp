// A channel: a region with an SpscRing in it, and the doorbells that wake whoever sleeps on it.
// From a channel come the two endpoints, Sender and Receiver, one each, in the same process or in
// two.
//
// A channel is made in one process and reaches the other as file descriptors: inherited over fork,
// or passed over a UNIX socket. (Finding it by name is for later.)
#pragma once

#include <ringbell/transport/doorbell.hpp>
#include <ringbell/transport/region.hpp>

namespace ringbell {

using ChannelOptions = RegionOptions;

// What must be handed to the other process. The doorbells are -1 unless the channel rings by
// eventfd.
struct ChannelFds {
  int memory = -1;
  int data_bell = -1;   // wakes the receiver: something was committed
  int space_bell = -1;  // wakes the sender: there is room again
};

class Channel {
 public:
  // Errors: as Region::create; system, if no eventfd can be had.
  [[nodiscard]] static Result<Channel> create(const ChannelOptions& options = {});

  // Duplicates the descriptors, so that the caller keeps its own. Errors: as Region::attach;
  // invalid_argument if the region rings by eventfd and a bell is missing or is no eventfd.
  [[nodiscard]] static Result<Channel> attach(const ChannelFds& fds);

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
