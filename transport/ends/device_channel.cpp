// A channel in a driver's memory (kernel/README.md): how the driver is asked for its side.
#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <ringbell/transport/ends/channel.hpp>

namespace ringbell {
namespace {

// As kernel/ioctl.h has it, which stands alone.
struct DeviceStart {
  std::int32_t data_fd;
  std::int32_t space_fd;
  std::uint32_t flags;
  std::uint32_t reserved;
};
constexpr unsigned long kDeviceStart = _IOW(0xb3, 2, DeviceStart);

Result<FileDescriptor> open_device(const std::string& path) {
  FileDescriptor device{::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)};
  if (device) return device;
  const std::string what = fmt::format("opening {} failed", path);
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
    return fail(ErrorCode::not_found,
                what + ": there is no such device; load the module that makes it");
  }
  return fail_errno(what, "a ring's device belongs to root until a udev rule says otherwise");
}

Result<void> start(int device, const Doorbell& data_bell, const Doorbell& space_bell,
                   const std::string& path) {
  const DeviceStart words{
      .data_fd = data_bell.fd(), .space_fd = space_bell.fd(), .flags = 0, .reserved = 0};
  if (::ioctl(device, kDeviceStart, &words) == 0) return {};
  if (errno == EBUSY) {
    return fail(ErrorCode::busy, fmt::format("{} has a living process already", path));
  }
  if (errno == ENODEV) return fail(ErrorCode::not_found, fmt::format("{} has gone", path));
  if (errno == ENOTTY || errno == EINVAL) {
    return fail(ErrorCode::not_a_region, fmt::format("{} is not the device of a ring", path));
  }
  return fail_errno(fmt::format("attaching to {} failed", path));
}

}  // namespace

Result<Channel> Channel::attach_device(const std::string& path, const AttachOptions& options) {
  Result<FileDescriptor> device = open_device(path);
  if (!device) return tl::unexpected(std::move(device.error()));
  Result<Doorbell> data_bell = Doorbell::create_eventfd();
  if (!data_bell) return tl::unexpected(std::move(data_bell.error()));
  Result<Doorbell> space_bell = Doorbell::create_eventfd();
  if (!space_bell) return tl::unexpected(std::move(space_bell.error()));
  const Result<void> started = start(device->get(), *data_bell, *space_bell, path);
  if (!started) return tl::unexpected(started.error());
  Result<Region> region = Region::attach(std::move(*device), options);
  if (!region) return tl::unexpected(std::move(region.error()));
  if (region->kind() != core::RingKind::spsc || region->doorbell() != core::DoorbellKind::eventfd) {
    return fail(ErrorCode::not_a_region, fmt::format("{} holds no channel's ring", path));
  }
  return Channel(std::move(*region), std::move(*data_bell), std::move(*space_bell));
}

}  // namespace ringbell
