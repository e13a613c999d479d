// A device whose memory can be mapped: a loop device on a memfd. Gone with its last descriptor.
#pragma once

#include <cstdint>
#include <string>

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::test {

// No descriptor: this user may not, or the kernel has no loop devices.
[[nodiscard]] inline FileDescriptor make_loop_device(std::uint64_t bytes) {
  const FileDescriptor control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  const FileDescriptor memory(::memfd_create("loop", MFD_CLOEXEC));
  if (!control || ::ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0) return {};
  loop_config config{};
  config.fd = static_cast<unsigned>(memory.get());
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  for (int tries = 0; tries < 16; ++tries) {  // another process may be faster
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return {};
    FileDescriptor device(
        ::open(("/dev/loop" + std::to_string(number)).c_str(), O_RDWR | O_CLOEXEC));
    if (device && ::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return device;
  }
  return {};
}

}  // namespace ringbell::test
