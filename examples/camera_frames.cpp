// Large records without a copy: a camera process draws frames in the ring, a viewer looks at them
// there. The viewer keeps the last frame while it looks at the next, to see what moved.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <span>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

constexpr std::uint32_t kWidth = 640;
constexpr std::uint32_t kFrameBytes = kWidth * 480;  // one byte a pixel
constexpr std::uint32_t kFrames = 100;

int camera(ringbell::Channel channel) {
  auto sender = ringbell::Sender::open(std::move(channel));
  for (std::uint32_t frame = 0; sender && frame < kFrames; ++frame) {
    auto room = sender->claim_for(kFrameBytes, std::chrono::seconds(5));
    if (!room || !*room) return 1;  // the viewer is gone, or stuck
    std::ranges::fill(**room, std::byte{0});
    std::ranges::fill((*room)->subspan(std::size_t{frame} * kWidth, kWidth), std::byte{255});
    sender->commit();
  }
  return sender ? 0 : 1;
}

int viewer(ringbell::Channel channel) {
  auto receiver = ringbell::Receiver::open(std::move(channel));
  std::span<const std::byte> last;
  std::uint32_t moved = 0;
  while (receiver) {
    auto frame = receiver->peek_for();
    if (!frame) break;  // the camera has closed
    if (!last.empty() && !std::ranges::equal(last, **frame)) ++moved;
    const std::uint64_t end_of_last = receiver->position();
    receiver->hold();                                      // keep this one
    if (!last.empty()) receiver->release_to(end_of_last);  // give the one before back
    last = **frame;
  }
  std::printf("%u of %u frames moved\n", moved, kFrames - 1);
  return moved == kFrames - 1 ? 0 : 1;
}

}  // namespace

int main() {
  auto channel = ringbell::Channel::create({.capacity_bytes = 2 << 20, .record_alignment = 64});
  if (!channel) return std::puts(channel.error().message.c_str()), 1;
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(camera(std::move(*channel)));
  const int result = viewer(std::move(*channel));
  int status = 1;
  return ::waitpid(pid, &status, 0) == pid && status == 0 ? result : 1;
}
