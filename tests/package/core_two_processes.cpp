// A channel's ring between two processes, by core/ and the C library alone: in memory that both
// map, without a C++ library to link.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/core/spsc_ring.hpp>

namespace {

using namespace ringbell::core;

constexpr std::uint64_t kRecords = 100'000;
constexpr std::uint64_t kCapacityBytes = 16 * 1024;

struct Shared {
  SpscControl control;
  // Records may reach behind the capacity.
  alignas(128) std::array<std::byte, 2 * kCapacityBytes> data;
};

std::uint32_t size_of(std::uint64_t number) {
  return static_cast<std::uint32_t>(sizeof number + number % 1000);
}
std::byte filling_of(std::uint64_t number) { return static_cast<std::byte>(number % 251); }

void write_all(SpscRing<>::Writer writer) {
  for (std::uint64_t number = 0; number < kRecords; ++number) {
    std::span<std::byte> room;
    while ((room = writer.claim(size_of(number))).data() == nullptr) ::sched_yield();
    std::memset(room.data(), static_cast<int>(filling_of(number)), room.size());
    std::memcpy(room.data(), &number, sizeof number);
    writer.commit();
  }
}

bool is_whole(std::span<const std::byte> record, std::uint64_t number) {
  if (record.size() != size_of(number)) return false;
  if (std::memcmp(record.data(), &number, sizeof number) != 0) return false;
  for (const std::byte byte : record.subspan(sizeof number)) {
    if (byte != filling_of(number)) return false;
  }
  return true;
}

bool reads_all(SpscRing<>::Reader reader) {
  for (std::uint64_t number = 0; number < kRecords; ++number) {
    std::span<const std::byte> record;
    while ((record = reader.peek()).data() == nullptr) ::sched_yield();
    if (!is_whole(record, number)) return false;
    reader.release();
  }
  return reader.peek().data() == nullptr;
}

}  // namespace

int main() {
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  auto* const shared = static_cast<Shared*>(memory);  // zeroed, as a ring's memory must be
  const SpscMemory ring{.control = &shared->control,
                        .data = shared->data.data(),
                        .capacity_bytes = kCapacityBytes,
                        .record_alignment = 8};
  const pid_t writer = ::fork();
  if (writer == -1) return 2;
  if (writer == 0) {
    write_all(SpscRing<>::Writer(ring));
    ::_exit(0);
  }
  const bool read = reads_all(SpscRing<>::Reader(ring));
  int status = 0;
  if (::waitpid(writer, &status, 0) != writer || status != 0) return 3;
  return read ? 0 : 4;
}
