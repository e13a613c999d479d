// SpscRing's records, explored: empty ones, payloads that look like every possible header, aligned
// payloads, and user headers.
#include <array>
#include <span>
#include <string>

#include "tests/model/scenario.hpp"
#include "tests/model/spsc_program.hpp"

namespace ringbell::model {
namespace {

using Ring = SpscUnderTest;

// Empty records between others: something else than nothing.
class Empty : public SpscProgram {
 public:
  Empty() : SpscProgram(32) {}

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      for (const std::uint32_t size : kSizes) {
        write_payload(claim(writer, size), kNumber);
        writer.commit();
      }
      return;
    }
    Ring::Reader reader(memory());
    for (const std::uint32_t size : kSizes) {
      std::span<const std::byte> record;
      while ((record = reader.peek()).data() == nullptr) SimulatedAtomics::pause();
      require(record.size() == size, "an empty record lost, or one too many");
      require(size == 0 || read_payload(record) == kNumber, "another message");
      reader.release();
    }
    require(reader.peek().data() == nullptr && !reader.corrupt(), "more than was sent");
  }

 private:
  static constexpr std::array<std::uint32_t, 5> kSizes{0, 0, 8, 0, 8};
  static constexpr std::uint64_t kNumber = 5;
};

// Payloads stand where they were asked to, and a user header in front of each travels with it.
class Aligned : public SpscProgram {
 public:
  Aligned(std::uint64_t capacity_bytes, std::uint32_t alignment) : SpscProgram(capacity_bytes) {
    align_payloads(alignment);
    add_user_headers();
  }

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      for (std::uint64_t number = 1; number <= kMessages; ++number) {
        const std::span<std::byte> room = claim(writer);
        write_payload(with_user_header(room), number);
        writer.commit();
      }
      return;
    }
    Ring::Reader reader(memory());
    for (std::uint64_t number = 1; number <= kMessages; ++number) {
      std::span<const std::byte> record;
      while ((record = reader.peek()).empty()) SimulatedAtomics::pause();
      const auto offset = static_cast<std::uint64_t>(record.data() - memory().data);
      require(offset % memory().payload_alignment == 0, "a payload that is not aligned");
      require(read_payload(with_user_header(record)) == number, "another message");
      reader.release();
    }
  }

 private:
  static constexpr std::uint64_t kMessages = 4;

  template <class Byte>
  static std::span<Byte> with_user_header(std::span<Byte> payload) {
    auto* const first = reinterpret_cast<Byte*>(&core::user_header_of(payload));
    return {first, payload.size() + sizeof(core::UserHeader)};
  }
};

// Every word of every payload passes for a header where it stands: in this lap, which a record that
// came out shorter would bring to light, or in the next ones. Records that fit, and that do not.
class Forgery : public SpscProgram {
 public:
  explicit Forgery(std::uint64_t capacity_bytes) : SpscProgram(capacity_bytes) {}

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      forge(writer, 24, 8, 1);
      forge(writer, 16, 16, 2);
      forge(writer, 24, 0, 0);
      forge(writer, 24, 8, 3);
      forge(writer, 16, 8, 6);
    } else {
      Ring::Reader reader(memory());
      for (const std::uint64_t number : {1U, 2U, 0U, 3U, 6U}) {
        require(receive_forged(reader) == number, "a forged header was taken for one");
        reader.release();
      }
      require(reader.peek().data() == nullptr && !reader.corrupt(), "more than was sent");
    }
  }

 protected:
  void forge(Ring::Writer& writer, std::uint32_t claimed_bytes, std::uint32_t bytes,
             std::uint64_t number) const {
    const std::span<std::byte> room = claim(writer, claimed_bytes);
    const std::uint64_t position = writer.staged_position() + memory().header_bytes();
    for (std::uint32_t at = 0; at < claimed_bytes; at += sizeof(core::RecordHeader)) {
      write_payload(room.subspan(at, sizeof(core::RecordHeader)), forged(position + at, number));
    }
    writer.commit(bytes);
  }

  // The number; 0: an empty record.
  std::uint64_t receive_forged(Ring::Reader& reader) const {
    std::span<const std::byte> record;
    while ((record = reader.peek()).data() == nullptr) {
      require(!reader.corrupt(), "the reader takes the ring for corrupt");
      SimulatedAtomics::pause();
    }
    if (record.empty()) return 0;
    const std::uint32_t size = core::SpscPlaces::size_in(read_payload(record.first(8)));
    const std::uint64_t number = size > kHuge ? UINT32_MAX - size : size;
    for (std::uint32_t at = 0; at < record.size(); at += sizeof(core::RecordHeader)) {
      const std::uint64_t position = reader.position() + memory().header_bytes() + at;
      require(read_payload(record.subspan(at, 8)) == forged(position, number), "a torn message");
    }
    return number;
  }

 private:
  static constexpr std::uint32_t kHuge = UINT32_MAX / 2;

  // Even numbers are those of records that do not fit.
  [[nodiscard]] core::RecordHeader forged(std::uint64_t position, std::uint64_t number) const {
    const auto size = static_cast<std::uint32_t>(number % 2 == 1 ? number : UINT32_MAX - number);
    return core::SpscPlaces::header_of(position + number % 3 * memory().capacity_bytes, size);
  }
};

// The same, and the writer may die anywhere.
class ForgerDies : public Forgery {
 public:
  ForgerDies() : Forgery(64) {}

  [[nodiscard]] std::size_t threads() const override { return 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kSuccessor ? "new writer" : Forgery::role(thread);
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kWriter; }

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory());
      forge(writer, 16, 8, 1);
      forge(writer, 24, 16, 3);
      say_ended();
    } else if (thread == kSuccessor) {
      wait_for_the_end_of(kWriter);
      Ring::Writer writer(memory());
      forge(writer, 24, 8, kFirstOfNew);
      forge(writer, 8, 8, kFirstOfNew + 2);
    } else {
      Ring::Reader reader(memory());
      std::uint64_t number = 0;
      for (std::uint64_t due = 1; (number = receive_forged(reader)) < kFirstOfNew; due += 2) {
        require(number == due, "a message lost, repeated or out of order");
        reader.release();
      }
      require(number == kFirstOfNew, "the new writer's first message is not its first");
      reader.release();
      require(receive_forged(reader) == kFirstOfNew + 2, "a forged header was taken for one");
      reader.release();
      require(reader.peek().data() == nullptr && !reader.corrupt(), "more than was sent");
    }
  }

 private:
  static constexpr std::uint64_t kFirstOfNew = 13;
};

}  // namespace

std::vector<Scenario> spsc_record_scenarios() {
  const auto scenario = [](const char* name, MakeProgram make, const Bounds& quick = {},
                           const Bounds& full = {}) {
    return Scenario{"SpscRing", name, std::move(make), quick, full};
  };
  return {
      scenario("empty records", program<Empty>()),
      scenario("payloads like headers, two fit", program<Forgery>(64U)),
      scenario("payloads like headers, four fit", program<Forgery>(128U)),
      scenario("user headers, payloads at 16", program<Aligned>(64U, 16U)),
      scenario("user headers, payloads at 64", program<Aligned>(128U, 64U)),
      scenario("the writer dies, payloads like headers", program<ForgerDies>(),
               {.preemptions = 2, .stale_loads = 2, .deaths = 1}, {.deaths = 1}),
  };
}

}  // namespace ringbell::model
