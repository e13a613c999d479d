// Quick wake-ups: while one of these lives, no CPU enters an idle state that takes time to leave.
//
// /dev/cpu_dma_latency with 0 written is a request to the kernel's PM QoS; the kernel drops it when
// the file is closed, so also when the holder dies. In a virtual machine the idle loop then polls
// instead of halting: a sleeping process on another CPU wakes up several times faster. It costs
// power.
#pragma once

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell {

class RINGBELL_API QuickWake {
 public:
  // Errors: permission, unsupported (no such device), system.
  [[nodiscard]] static Result<QuickWake> hold();

 private:
  explicit QuickWake(FileDescriptor request) noexcept;

  FileDescriptor request_;
};

}  // namespace ringbell
