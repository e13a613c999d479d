// Plain memory for a CallGroup, and what its server keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <ringbell/core/call_group.hpp>

namespace ringbell::test {

class CallGroupStorage {
 public:
  explicit CallGroupStorage(std::uint32_t lines, std::uint32_t buffer_bytes = 0)
      : control_(std::make_unique<core::ReadyControl>()),
        lines_(std::make_unique<core::CallGroupLine[]>(lines)),
        buffers_(std::size_t{2} * lines * buffer_bytes),
        buffer_bytes_(buffer_bytes),
        line_count_(lines),
        server_lines_(lines) {}

  [[nodiscard]] core::CallGroupMemory memory() noexcept {
    return {.control = control_.get(),
            .lines = lines_.get(),
            .buffers = buffers_.data(),
            .buffer_bytes = buffer_bytes_,
            .lane_count = line_count_};
  }
  // One at a time: they share what a server keeps.
  [[nodiscard]] core::CallGroup<>::Server server(core::LanePace pace = {}) {
    return {memory(), server_lines_, pace};
  }

 private:
  std::unique_ptr<core::ReadyControl> control_;
  std::unique_ptr<core::CallGroupLine[]> lines_;
  std::vector<std::byte> buffers_;
  std::uint32_t buffer_bytes_;
  std::uint32_t line_count_;
  std::vector<core::CallGroup<>::ServerLine> server_lines_;
};

}  // namespace ringbell::test
