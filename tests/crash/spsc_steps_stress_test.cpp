// An SpscRing whose writer or reader dies before any instruction of any of its calls.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/spsc_ring.hpp>

#include <tests/crash/steps.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/message.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::core {
namespace {

using Ring = SpscRing<>;

constexpr std::uint64_t kCapacity = 1024;
constexpr std::uint32_t kLargest = 150;

std::uint32_t size_of(std::uint64_t number) { return test::size_of_message(number, kLargest); }

// What a record of this number takes.
std::uint64_t footprint(std::uint64_t number) { return (size_of(number) + 8 + 7) / 8 * 8; }

// Made once, so that a dying writer only copies them.
std::span<const std::byte> message(std::uint64_t number) {
  static const std::vector<std::vector<std::byte>> all = [] {
    std::vector<std::vector<std::byte>> made(100);
    for (std::uint64_t n = 0; n < made.size(); ++n) {
      made[n].resize(size_of(n));
      test::write_message(made[n], n);
    }
    return made;
  }();
  return all.at(number);
}

bool send(Ring::Writer& writer, std::uint64_t number) {
  const std::span<std::byte> room = writer.claim(size_of(number));
  if (room.empty()) return false;
  std::memcpy(room.data(), message(number).data(), room.size());
  writer.commit();
  return true;
}

bool is_due(std::span<const std::byte> record, std::uint64_t number) {
  return std::ranges::equal(record, message(number));
}

// Both sides, at work for a while: the next records straddle the end of the data area.
class SpscVictim : public test::Victim {
 public:
  using Operation = std::function<void(SpscVictim&)>;

  SpscVictim(Operation operation, std::uint64_t unread) : operation_(std::move(operation)) {
    while (writer.tail() < kCapacity - 2 * kLargest) {
      EXPECT_TRUE(send(writer, sent++));
      EXPECT_TRUE(is_due(reader.peek(), read++));
      reader.release();
    }
    EXPECT_TRUE(reader.peek().empty());
    while (unread-- > 0) EXPECT_TRUE(send(writer, sent++));
  }

  void operate() override { operation_(*this); }

 private:
  test::SharedPages pages_{16384};

 public:
  const SpscMemory memory{.control = pages_.take<SpscControl>(),
                          .data = pages_.take<std::byte>(2 * kCapacity),
                          .capacity_bytes = kCapacity,
                          .record_alignment = 8};
  test::Progress& progress = *pages_.take<test::Progress>();
  Ring::Writer writer{memory};
  Ring::Reader reader{memory};
  std::uint64_t sent = 0;  // the next that is written
  std::uint64_t read = 0;  // the next that is due

 protected:
  // Reads up to `end`, all of it right, none missing.
  void read_to(Ring::Reader& by, std::uint64_t end) {
    for (; read < end; ++read) {
      ASSERT_TRUE(is_due(by.peek(), read)) << read;
      by.release();
    }
    ASSERT_FALSE(by.corrupt());
  }
  void pass_some(Ring::Writer& from, Ring::Reader& to) {
    for (const std::uint64_t end = sent + 40; sent < end; ++sent) {
      ASSERT_TRUE(send(from, sent)) << sent;
      ASSERT_NO_FATAL_FAILURE(read_to(to, sent + 1));
      ASSERT_TRUE(to.peek().empty());
    }
    ASSERT_FALSE(from.corrupt());
  }

 private:
  Operation operation_;
};

// --- the writer ----------------------------------------------------------------------------------

class DyingWriter : public SpscVictim {
 public:
  DyingWriter(Operation operation, bool new_reader)
      : SpscVictim(std::move(operation), 3), new_reader_(new_reader) {}

  void survive() override {
    Ring::Reader successor(memory);
    Ring::Reader& by = new_reader_ ? successor : reader;
    // Committed for certain, and perhaps the one publication that it died in, whole.
    const std::uint64_t least = sent + progress.least();
    const std::uint64_t most = sent + progress.most();
    Ring::Writer next(memory);
    ASSERT_FALSE(next.corrupt());
    ASSERT_NO_FATAL_FAILURE(read_to(by, least));
    if (next.tail() != by.position()) {
      ASSERT_NO_FATAL_FAILURE(read_to(by, most));
    }
    ASSERT_TRUE(by.peek().empty()) << "more than was begun";
    ASSERT_EQ(next.tail(), by.position());
    sent = read;
    ASSERT_NO_FATAL_FAILURE(pass_some(next, by));
  }

 private:
  bool new_reader_;
};

void claim(SpscVictim& at, std::uint64_t number) {
  const std::span<std::byte> room = at.writer.claim(size_of(number));
  std::memcpy(room.data(), message(number).data(), room.size());
}

void commit_two(SpscVictim& at) {
  for (int i = 0; i < 2; ++i) {
    claim(at, at.sent++);
    at.progress.begin();
    at.writer.commit();
    at.progress.finish();
  }
}

void commit_less(SpscVictim& at) {
  const std::span<std::byte> room = at.writer.claim(2 * kLargest);
  std::memcpy(room.data(), message(at.sent).data(), size_of(at.sent));
  at.progress.begin();
  at.writer.commit(size_of(at.sent));
  at.progress.finish();
}

void stage_three(SpscVictim& at) {
  for (int i = 0; i < 3; ++i) {
    claim(at, at.sent++);
    at.writer.stage();
  }
}

void flush_batch(SpscVictim& at) {
  stage_three(at);
  at.progress.begin(3);
  at.writer.flush();
  at.progress.finish();
}

void flush_in_parts(SpscVictim& at) {
  claim(at, at.sent++);
  at.writer.stage();
  const std::uint64_t first = at.writer.staged_position();
  stage_three(at);
  at.progress.begin();
  at.writer.flush_to(first);
  at.progress.finish();
  at.progress.begin(3);
  at.writer.flush();
  at.progress.finish();
}

void abort_batch(SpscVictim& at) {
  const std::uint64_t number = at.sent;
  stage_three(at);
  claim(at, at.sent);
  at.writer.abort();
  at.sent = number;
  claim(at, number);
  at.progress.begin();
  at.writer.commit();
  at.progress.finish();
}

void write_until_full(SpscVictim& at) {
  while (at.writer.has_room(size_of(at.sent))) {
    claim(at, at.sent++);
    at.progress.begin();
    at.writer.commit();
    at.progress.finish();
  }
  (void)at.writer.claim(size_of(at.sent));
}

void take_over_writing(SpscVictim& at) {
  at.writer = Ring::Writer(at.memory);
  claim(at, at.sent);
  at.progress.begin();
  at.writer.commit();
  at.progress.finish();
}

// --- the reader ----------------------------------------------------------------------------------

class DyingReader : public SpscVictim {
 public:
  DyingReader(Operation operation, bool new_writer)
      : SpscVictim(std::move(operation), 5), new_writer_(new_writer) {}

  void survive() override {
    Ring::Writer successor(memory);
    Ring::Writer& by = new_writer_ ? successor : writer;
    ASSERT_FALSE(by.corrupt());
    while (send(by, sent)) ++sent;
    Ring::Reader next(memory);
    ASSERT_FALSE(next.corrupt());
    const std::span<const std::byte> first = next.peek();
    const std::uint64_t given_back = read + progress.most();
    while (read < given_back && !is_due(first, read)) ++read;
    ASSERT_TRUE(is_due(first, read)) << "it was skipped unread";
    std::uint64_t repeated_bytes = 0;
    for (std::uint64_t n = read; n < given_back; ++n) repeated_bytes += footprint(n);
    ASSERT_LT(repeated_bytes, kCapacity / Ring::kHeadPublications + footprint(given_back - 1));
    ASSERT_NO_FATAL_FAILURE(read_to(next, sent));
    ASSERT_NO_FATAL_FAILURE(pass_some(by, next));
  }

 private:
  bool new_writer_;
};

void release_all(SpscVictim& at) {
  while (!at.reader.peek().empty()) {
    at.progress.begin();
    at.reader.release();
    at.progress.finish();
  }
}

void hold_and_release(SpscVictim& at) {
  std::array<std::uint64_t, 4> ends{};
  for (std::uint64_t& end : ends) {
    (void)at.reader.peek();
    at.reader.hold();
    end = at.reader.position();
  }
  for (const std::uint64_t end : {ends[1], ends[3]}) {
    at.progress.begin(2);
    at.reader.release_to(end);
    at.progress.finish();
  }
  at.reader.publish_head();
}

void take_over_reading(SpscVictim& at) {
  at.reader = Ring::Reader(at.memory);
  (void)at.reader.peek();
  at.progress.begin();
  at.reader.release();
  at.progress.finish();
}

using Case = test::StepCase<SpscVictim>;

class SpscWriterStepsTest : public ::testing::TestWithParam<Case> {};
class SpscReaderStepsTest : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    Every, SpscWriterStepsTest,
    ::testing::Values(Case{"Commit", commit_two}, Case{"CommitOfLess", commit_less},
                      Case{"Flush", flush_batch}, Case{"FlushTo", flush_in_parts},
                      Case{"Abort", abort_batch}, Case{"FullRing", write_until_full},
                      Case{"TakingOver", take_over_writing}),
    test::kNameOfCase);
INSTANTIATE_TEST_SUITE_P(Every, SpscReaderStepsTest,
                         ::testing::Values(Case{"Release", release_all},
                                           Case{"Hold", hold_and_release},
                                           Case{"TakingOver", take_over_reading}),
                         test::kNameOfCase);

TEST_P(SpscWriterStepsTest, DeathLosesNothingThatWasCommitted) {
  for (const bool new_reader : {false, true}) {
    test::kill_at_every_instruction(std::string("SpscRing, writer, ") + GetParam().name, [&] {
      return std::make_unique<DyingWriter>(GetParam().operation, new_reader);
    });
  }
}

TEST_P(SpscReaderStepsTest, DeathLosesNothingAndRepeatsLittle) {
  for (const bool new_writer : {false, true}) {
    test::kill_at_every_instruction(std::string("SpscRing, reader, ") + GetParam().name, [&] {
      return std::make_unique<DyingReader>(GetParam().operation, new_writer);
    });
  }
}

}  // namespace
}  // namespace ringbell::core
