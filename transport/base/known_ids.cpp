#include <ringbell/transport/base/known_ids.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell {
namespace {

constexpr std::uint32_t kUsualOverflow = 65534;

// The numbers that a file of /proc begins with, as many as there are room for. 0: could not be
// read.
template <std::size_t kCount>
std::array<std::uint32_t, kCount> numbers_in(const char* path) noexcept {
  std::array<std::uint32_t, kCount> numbers{};
  const FileDescriptor file{::open(path, O_RDONLY | O_CLOEXEC)};
  std::array<char, 64> text{};
  const ssize_t bytes = file ? ::read(file.get(), text.data(), text.size()) : 0;
  const char* at = text.data();
  const char* const end = at + (bytes > 0 ? bytes : 0);
  for (std::uint32_t& number : numbers) {
    while (at != end && *at == ' ') ++at;
    at = std::from_chars(at, end, number).ptr;
  }
  return numbers;
}

// A namespace that maps all has one line: first id inside, first outside, how many.
bool is_one(std::uint32_t id, const char* overflow, const char* map) noexcept {
  const auto [told] = numbers_in<1>(overflow);
  if (id != (told == 0 ? kUsualOverflow : told)) return true;
  const auto [inside, outside, count] = numbers_in<3>(map);
  return inside == 0 && outside == 0 && count == UINT32_MAX;
}

}  // namespace

bool is_one_user(uid_t user) noexcept {
  return is_one(user, "/proc/sys/kernel/overflowuid", "/proc/self/uid_map");
}

bool is_one_group(gid_t group) noexcept {
  return is_one(group, "/proc/sys/kernel/overflowgid", "/proc/self/gid_map");
}

}  // namespace ringbell
