// CallLine: the first process calls, the second answers. There is no one-way rate: nothing is under
// way but the one call. Messages that do not fit the line go through its buffers.
#pragma once

#include <cstring>
#include <optional>

#include <ringbell/core/call_line.hpp>
#include "bench/transports/ring_link.hpp"

namespace ringbell::bench {

class CallRings {
 public:
  explicit CallRings(std::size_t message_bytes) noexcept
      : buffer_bytes_(message_bytes > core::kInlineCallBytes
                          ? static_cast<std::uint32_t>(message_bytes)
                          : 0) {}

  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(core::CallCell) + 2 * buffer_stride();
  }
  void describe(Row& row) const { set(row, "inline", buffer_bytes_ == 0); }

  class Side {
   public:
    Side(const CallRings& rings, std::byte* memory, Party party) noexcept {
      if (party == Party::first) {
        caller_.emplace(rings.at(memory));
      } else {
        server_.emplace(rings.at(memory));
      }
    }

    template <std::size_t extent>
    [[nodiscard]] bool try_send(std::span<std::byte, extent> message) noexcept {
      const auto size_bytes = static_cast<std::uint32_t>(message.size());
      if (caller_) {
        const std::span<std::byte> room = caller_->claim(size_bytes);
        if (room.empty()) return false;
        std::memcpy(room.data(), message.data(), message.size());
        caller_->call();
      } else {
        std::memcpy(server_->claim(size_bytes).data(), message.data(), message.size());
        server_->respond();
      }
      return true;
    }
    template <std::size_t extent>
    [[nodiscard]] bool try_receive(std::span<std::byte, extent> into) noexcept {
      if (caller_ && !caller_->answered()) return false;
      const std::span<const std::byte> message = caller_ ? caller_->response() : server_->request();
      if (message.size() != into.size()) return wrong(caller_ || !message.empty());
      std::memcpy(into.data(), message.data(), into.size());
      return true;
    }
    [[nodiscard]] bool corrupt() const noexcept {
      return wrong_ || (caller_ ? caller_->corrupt() : server_->corrupt());
    }

   private:
    [[nodiscard]] bool wrong(bool is_wrong) noexcept {
      wrong_ = wrong_ || is_wrong;
      return false;
    }

    std::optional<core::CallLine<>::Caller> caller_;
    std::optional<core::CallLine<>::Server> server_;
    bool wrong_ = false;
  };

 private:
  [[nodiscard]] std::size_t buffer_stride() const noexcept {
    return (buffer_bytes_ + core::kFalseSharingBytes - 1) / core::kFalseSharingBytes *
           core::kFalseSharingBytes;
  }
  [[nodiscard]] core::CallMemory at(std::byte* memory) const noexcept {
    std::byte* const buffers = memory + sizeof(core::CallCell);
    return {.cell = reinterpret_cast<core::CallCell*>(memory),
            .request_buffer = buffers,
            .response_buffer = buffers + buffer_stride(),
            .buffer_bytes = buffer_bytes_};
  }

  std::uint32_t buffer_bytes_;
};

using OneCallLine = RingLink<CallRings>;

}  // namespace ringbell::bench
