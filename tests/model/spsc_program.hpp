// What the scenarios of SpscRing share: the ring in shared memory, and threads that send and expect
// numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <ringbell/core/spsc_ring.hpp>

#include "tests/model/explorer.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {

using SpscUnderTest = core::SpscRing<SimulatedAtomics>;

inline constexpr std::size_t kWriter = 1;
inline constexpr std::size_t kReader = 2;
inline constexpr std::size_t kSuccessor = 3;
inline constexpr std::uint64_t kFirstOfSuccessor = 100;

class SpscProgram : public Program {
 public:
  explicit SpscProgram(std::uint64_t capacity_bytes) {
    memory_.capacity_bytes = capacity_bytes;
    memory_.record_alignment = 8;
  }

  [[nodiscard]] std::size_t threads() const override { return 2; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kWriter ? "writer" : "reader";
  }

  void begin() override {
    Execution& execution = Execution::current();
    memory_.control = execution.shared<core::SpscControl>();
    memory_.data = execution.shared<std::byte>(memory_.capacity_bytes + memory_.spare_bytes());
    ended_ = execution.shared<std::uint64_t>();
  }

 protected:
  [[nodiscard]] const core::SpscMemory& memory() const { return memory_; }
  // REQUIRES: before begin().
  void align_payloads(std::uint32_t bytes) {
    memory_.record_alignment = memory_.payload_alignment = bytes;
  }
  void add_user_headers() { memory_.user_header_bytes = sizeof(core::UserHeader); }

  static void send(SpscUnderTest::Writer& writer, std::uint64_t number,
                   std::uint32_t size_bytes = 8) {
    write_payload(claim(writer, size_bytes), number);
    writer.commit();
  }
  static std::span<std::byte> claim(SpscUnderTest::Writer& writer, std::uint32_t size_bytes = 8) {
    while (true) {
      const std::span<std::byte> room = writer.claim(size_bytes);
      require(!writer.corrupt(), "the writer takes the ring for corrupt");
      if (room.data() != nullptr) return room;
      SimulatedAtomics::pause();
    }
  }
  // The next number, or nothing: not now.
  static std::optional<std::uint64_t> try_receive(SpscUnderTest::Reader& reader) {
    const std::span<const std::byte> record = reader.peek();
    require(!reader.corrupt(), "the reader takes the ring for corrupt");
    if (record.empty()) return std::nullopt;
    const std::uint64_t number = read_payload(record);
    return number;
  }
  static std::uint64_t receive(SpscUnderTest::Reader& reader) {
    while (true) {
      if (const std::optional<std::uint64_t> number = try_receive(reader)) return *number;
      SimulatedAtomics::pause();
    }
  }
  static void expect(SpscUnderTest::Reader& reader, std::uint64_t number) {
    require(receive(reader) == number, "a message lost, repeated or out of order");
    reader.release();
  }

  // How a side that did not die tells its successor.
  void say_ended() { SimulatedAtomics::store(*ended_, std::uint64_t{1}, kRelease, kNoEdge); }
  [[nodiscard]] bool has_ended() const {
    return SimulatedAtomics::load(*ended_, std::memory_order_acquire, kNoEdge) != 0;
  }
  void wait_for_the_end_of(std::size_t thread) const {
    while (!has_ended() && !is_dead(thread)) SimulatedAtomics::pause();
  }

 private:
  static constexpr std::memory_order kRelease = std::memory_order_release;

  core::SpscMemory memory_{};
  std::uint64_t* ended_ = nullptr;
};

}  // namespace ringbell::model
