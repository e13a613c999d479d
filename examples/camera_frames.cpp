// Large records without a copy: `camera_frames camera` draws frames in the ring, `camera_frames
// view` looks at them there, and keeps the last one to see what moved. Or both at once.
#include <algorithm>
#include <cstdio>
#include <span>
#include <string_view>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

constexpr std::uint32_t kWidth = 640;
constexpr std::uint32_t kFrameBytes = kWidth * 480;  // one byte a pixel
constexpr std::uint32_t kFrames = 100;

int camera() {
  auto sender = ringbell::Sender::create("camera", {.capacity_bytes = 2 << 20});
  if (!sender) return std::puts(sender.error().message.c_str()), 1;
  for (std::uint32_t frame = 0; frame < kFrames; ++frame) {
    auto room = sender->claim_for(kFrameBytes);
    if (!room) return 1;  // the viewer is gone
    std::ranges::fill(**room, std::byte{0});
    std::ranges::fill((*room)->subspan(std::size_t{frame} * kWidth, kWidth), std::byte{255});
    sender->commit();
  }
  return 0;
}

int view() {
  auto receiver = ringbell::Receiver::open("camera");
  if (!receiver) return std::puts(receiver.error().message.c_str()), 1;
  std::span<const std::byte> last;
  std::uint32_t moved = 0;
  for (;;) {
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

int main(int count, char** arguments) {
  const std::string_view role = count > 1 ? arguments[1] : "";
  if (role == "camera") return camera();
  if (role == "view") return view();
  if (::fork() == 0) ::_exit(camera());
  const int result = view();
  int status = 1;
  return ::wait(&status) > 0 && status == 0 ? result : 1;
}
