#include <ringbell/transport/ends/channel.hpp>

#include <utility>

#include <fmt/format.h>

namespace ringbell {
namespace {

Result<Doorbell> attach_bell(core::DoorbellKind kind, int fd) {
  if (kind != core::DoorbellKind::eventfd) return Doorbell(kind);
  if (fd < 0) return Doorbell::from_eventfd(FileDescriptor{});
  Result<FileDescriptor> copy = duplicate(fd);
  if (!copy) return tl::unexpected(std::move(copy.error()));
  return Doorbell::from_eventfd(std::move(*copy));
}

Result<Doorbell> make_bell(core::DoorbellKind kind) {
  if (kind != core::DoorbellKind::eventfd) return Doorbell(kind);
  return Doorbell::create_eventfd();
}

Result<void> check_ring(const Region& region) {
  if (region.kind() != core::RingKind::spsc) {
    return fail(ErrorCode::not_a_region, "the region holds another ring than a channel's");
  }
  return {};
}

}  // namespace

Channel::Channel(Region region, Doorbell data_bell, Doorbell space_bell) noexcept
    : region_(std::move(region)),
      data_bell_(std::move(data_bell)),
      space_bell_(std::move(space_bell)) {}

Result<Channel> Channel::create(const ChannelOptions& options) {
  if (options.seals && options.timed) {
    return fail(ErrorCode::invalid_argument, "a record has a seal or a time, not both");
  }
  Result<Region> region = Region::create(options.region());
  if (!region) return tl::unexpected(std::move(region.error()));
  Result<Doorbell> data_bell = make_bell(options.doorbell);
  if (!data_bell) return tl::unexpected(std::move(data_bell.error()));
  Result<Doorbell> space_bell = make_bell(options.doorbell);
  if (!space_bell) return tl::unexpected(std::move(space_bell.error()));
  return Channel(std::move(*region), std::move(*data_bell), std::move(*space_bell));
}

Result<Channel> Channel::attach(const ChannelFds& fds, const AttachOptions& options) {
  Result<FileDescriptor> memory = duplicate(fds.memory);
  if (!memory) return tl::unexpected(std::move(memory.error()));
  Result<Region> region = Region::attach(std::move(*memory), options);
  if (!region) return tl::unexpected(std::move(region.error()));
  return attach(std::move(*region), fds);
}

Result<Channel> Channel::open(Backing backing, const std::string& name,
                              const AttachOptions& options) {
  Result<Region> region = Region::open(backing, name, options);
  if (!region) return tl::unexpected(std::move(region.error()));
  return attach(std::move(*region));
}

Result<Channel> Channel::attach(Region region, const ChannelFds& fds) {
  if (Result<void> checked = check_ring(region); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  Result<Doorbell> data_bell = attach_bell(region.doorbell(), fds.data_bell);
  if (!data_bell) return tl::unexpected(std::move(data_bell.error()));
  Result<Doorbell> space_bell = attach_bell(region.doorbell(), fds.space_bell);
  if (!space_bell) return tl::unexpected(std::move(space_bell.error()));
  return Channel(std::move(region), std::move(*data_bell), std::move(*space_bell));
}

Result<Channel> Channel::attach_by_socket(Region region, FileDescriptor socket) {
  if (Result<void> checked = check_ring(region); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  if (region.doorbell() != core::DoorbellKind::eventfd) {
    return fail(ErrorCode::invalid_argument, "a channel that rings by futex needs no socket");
  }
  Result<Doorbell> bell = Doorbell::from_socket(std::move(socket));
  if (!bell) return tl::unexpected(std::move(bell.error()));
  Doorbell other = Doorbell::shared_with(*bell);
  return Channel(std::move(region), std::move(*bell), std::move(other));
}

ChannelFds Channel::fds() const noexcept {
  return {.memory = region_.fd(), .data_bell = data_bell_.fd(), .space_bell = space_bell_.fd()};
}

}  // namespace ringbell
