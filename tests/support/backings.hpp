// Every place that the pages of a region can come from, for tests that run on each.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include <unistd.h>

#include <ringbell/transport/memory/region.hpp>

#include <tests/support/loop_device.hpp>
#include <tests/support/scratch_folder.hpp>

namespace ringbell::test {

enum class Place { memfd, posix_shm, tmpfs_file, disk_file, system_v, anonymous, device };

inline constexpr Place kPlaces[] = {Place::memfd,     Place::posix_shm, Place::tmpfs_file,
                                    Place::disk_file, Place::system_v,  Place::anonymous,
                                    Place::device};

[[nodiscard]] inline const char* name_of(Place place) noexcept {
  constexpr const char* kNames[] = {"memfd",    "posix_shm", "tmpfs_file", "disk_file",
                                    "system_v", "anonymous", "device"};
  return kNames[static_cast<int>(place)];
}
inline void PrintTo(Place place, std::ostream* out) { *out << name_of(place); }

// What MemoryOptions need for a place, for as long as this lives: a folder, a device, a free name.
class PlaceForMemory {
 public:
  explicit PlaceForMemory(Place place) : place_(place) {
    if (place == Place::tmpfs_file) folder_.emplace("/dev/shm");
    if (place == Place::disk_file) folder_.emplace(".");
    if (place == Place::device) device_ = make_loop_device(16UL << 20);
    if (place == Place::posix_shm) name_ = free_name();
    if (folder_) name_ = folder_->path() + "/region";
  }
  PlaceForMemory(const PlaceForMemory&) = delete;
  PlaceForMemory& operator=(const PlaceForMemory&) = delete;
  ~PlaceForMemory() {
    if (place_ == Place::posix_shm) {
      [[maybe_unused]] const auto gone = Region::remove(Backing::posix_shm, name_);
    }
  }

  // Why this machine does not have it; empty: it does.
  [[nodiscard]] std::string missing() const {
    if (folder_ && folder_->path().empty()) return "no folder can be made there";
    if (place_ == Place::device && !device_) return "no loop device can be had";
    return {};
  }
  [[nodiscard]] MemoryOptions options() const {
    return {.backing = backing(), .name = name_, .device_fd = device_.get()};
  }
  [[nodiscard]] Backing backing() const noexcept {
    switch (place_) {
      case Place::memfd:
        return Backing::memfd;
      case Place::posix_shm:
        return Backing::posix_shm;
      case Place::tmpfs_file:
      case Place::disk_file:
        return Backing::file;
      case Place::system_v:
        return Backing::system_v;
      case Place::anonymous:
        return Backing::anonymous;
      case Place::device:
        return Backing::device;
    }
    return Backing::memfd;
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  [[nodiscard]] static std::string free_name() {
    static std::atomic<int> count{0};
    return "/ringbell-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
  }

  Place place_;
  std::optional<ScratchFolder> folder_;
  FileDescriptor device_;
  std::string name_;
};

}  // namespace ringbell::test
