#include <ringbell/transport/sleep/quick_wake.hpp>

#include <cerrno>
#include <cstdint>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace ringbell {
namespace {

constexpr const char* kDevice = "/dev/cpu_dma_latency";

}  // namespace

QuickWake::QuickWake(FileDescriptor request) noexcept : request_(std::move(request)) {}

Result<QuickWake> QuickWake::hold() {
  FileDescriptor request{::open(kDevice, O_WRONLY | O_CLOEXEC)};
  if (!request && errno == ENOENT) {
    return fail(
        ErrorCode::unsupported,
        "there is no /dev/cpu_dma_latency: quick wake-ups need a kernel with CONFIG_CPU_IDLE "
        "and, in a container, the device");
  }
  if (!request) {
    return fail_errno("opening /dev/cpu_dma_latency failed",
                      "quick wake-ups need the right to write it (root, or a udev rule)");
  }
  const std::int32_t latency_us = 0;
  if (::write(request.get(), &latency_us, sizeof latency_us) != sizeof latency_us) {
    return fail_errno("writing 0 to /dev/cpu_dma_latency failed");
  }
  return QuickWake(std::move(request));
}

}  // namespace ringbell
