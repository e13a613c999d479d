#include <ringbell/transport/memory/power.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell::memory::power {
namespace {

core::PowerMark& mark_in(std::byte* base) noexcept {
  return *reinterpret_cast<core::PowerMark*>(base + core::kPowerMarkOffset);
}

int value_of(char digit) noexcept { return digit >= 'a' ? digit - 'a' + 10 : digit - '0'; }

}  // namespace

// "2f3a4f7c-0d8f-4c5e-9b63-0a2f1c4d5e6f"
BootId boot_id() noexcept {
  std::array<char, 36> text{};
  const FileDescriptor file{::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)};
  if (!file || ::read(file.get(), text.data(), text.size()) != ssize_t{text.size()}) return {};
  const auto end = std::remove(text.begin(), text.end(), '-');
  BootId id{};
  if (end - text.begin() != 2 * std::ptrdiff_t{id.size()}) return {};
  for (std::size_t i = 0; i < id.size(); ++i) {
    id[i] = static_cast<char>(value_of(text[2 * i]) << 4 | value_of(text[2 * i + 1]));
  }
  return id;
}

Result<core::PowerMark> read_mark(int fd) {
  core::PowerMark mark{};
  if (::pread(fd, &mark, sizeof mark, off_t{core::kPowerMarkOffset}) >= 0) return mark;
  return fail_errno("reading the mark of a region's file failed");
}

bool is_stale(const core::PowerMark& mark, const BootId& now) noexcept {
  constexpr BootId kUnknown{};
  return mark.unclean != 0 && mark.boot_id != now && now != kUnknown && mark.boot_id != kUnknown;
}

tl::unexpected<Error> fail_stale(const core::PowerMark& mark) {
  const char* const remedy =
      mark.seals != 0 ? "sealed::recover() hands out the records that are whole, then remove it"
                      : "remove it and start anew";
  return fail(
      ErrorCode::stale,
      std::string("the file was in use when this machine was last restarted, or lost power: "
                  "its pages can be of different times; ") +
          remedy);
}

bool has_seals(const std::byte* base) noexcept {
  return reinterpret_cast<const core::PowerMark*>(base + core::kPowerMarkOffset)->seals == 1;
}

void mark_used(std::byte* base, bool seals, const BootId& now) noexcept {
  mark_in(base) = {.boot_id = now, .unclean = 1, .seals = seals ? 1U : 0U};
}

Result<void> mark_whole(std::byte* base) {
  mark_in(base).unclean = 0;
  if (::msync(base, small_page(), MS_SYNC) == 0) return {};
  return fail_errno("writing the mark of a region's file to the disk (msync) failed");
}

}  // namespace ringbell::memory::power
