// The modules' ring (kernel/ring.c), in this process, with core's as the other side: each reads
// what the other writes, finds out what cannot be, and wakes.
#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/parking.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/ringbell.hpp>

#include <tests/kernel/kernel_words.h>
#include <tests/support/message.hpp>
#include <tests/support/region_copy.hpp>
#include <tests/support/seed.hpp>

extern "C" {
#include <kernel/ring.h>
#include <kernel/ringbell.h>
}

namespace ringbell {
namespace {

using core::SpscPlaces;
using test::Dice;
using test::is_message;
using test::size_of_message;
using test::write_message;

struct Shape {
  std::uint64_t capacity_bytes;
  std::uint32_t record_alignment;
  std::uint32_t payload_alignment;
};

// 0 or the errno in a pointer.
int error_of(const void* pointer) {
  const auto value = reinterpret_cast<std::intptr_t>(pointer);
  return value < 0 && value > -4096 ? static_cast<int>(-value) : 0;
}

class KernelRingTest : public ::testing::TestWithParam<Shape> {
 protected:
  [[nodiscard]] core::SpscMemory memory() const { return channel_.region().spsc_memory(); }
  [[nodiscard]] core::SpscControl& control() const { return channel_.region().spsc_control(); }
  [[nodiscard]] std::uint64_t& word_at(std::uint64_t position) const {
    return SpscPlaces(memory()).header_at(position);
  }
  [[nodiscard]] rb_places places() const {
    rb_geometry geometry{};
    std::memcpy(&geometry, &channel_.region().geometry(), sizeof geometry);
    return rb_places_of(&geometry, &control(), channel_.region().data());
  }
  int start(rb_writer& writer) {
    const rb_places at = places();
    const rb_bell bell{.word = &control().data_bell.word, .ring = &rung_, .pollers = nullptr};
    return rb_writer_start(&writer, &at, &bell);
  }
  int start(rb_reader& reader) {
    const rb_places at = places();
    const rb_bell bell{.word = &control().space_bell.word, .ring = &rung_, .pollers = nullptr};
    return rb_reader_start(&reader, &at, &bell);
  }

  static bool write(rb_writer& writer, std::uint64_t number, std::uint32_t size) {
    void* const room = rb_writer_claim(&writer, size);
    if (error_of(room) != 0) return false;
    write_message({static_cast<std::byte*>(room), size}, number);
    return rb_writer_commit(&writer, size) == 0;
  }

  Channel channel_ = Channel::create({.capacity_bytes = GetParam().capacity_bytes,
                                      .record_alignment = GetParam().record_alignment,
                                      .payload_alignment = GetParam().payload_alignment})
                         .value();
  eventfd_ctx rung_{};
};

INSTANTIATE_TEST_SUITE_P(Shapes, KernelRingTest,
                         ::testing::Values(Shape{4096, 8, 8}, Shape{4096, 64, 8},
                                           Shape{8192, 64, 64}, Shape{65536, 16, 16}),
                         [](const auto& shape) {
                           return std::to_string(shape.param.capacity_bytes) + "by" +
                                  std::to_string(shape.param.record_alignment) + "at" +
                                  std::to_string(shape.param.payload_alignment);
                         });

TEST_P(KernelRingTest, LibraryReadsWhatTheKernelWrites) {
  const test::PrintedSeed printed;
  Dice dice(test::seed());
  rb_writer writer;
  ASSERT_EQ(start(writer), 0);
  core::SpscRing<>::Reader reader(memory());
  const std::uint32_t largest = reader.max_record_bytes();
  ASSERT_EQ(rb_writer_max_record(&writer), largest);
  std::uint64_t written = 0;
  for (std::uint64_t read = 0; read < 20'000;) {
    if (dice.roll(2) == 0 && write(writer, written, size_of_message(written, largest))) ++written;
    if (dice.roll(2) != 0) continue;
    const std::span<const std::byte> record = reader.peek();
    ASSERT_EQ(record.data() != nullptr, read < written) << read;
    if (record.data() == nullptr) continue;
    ASSERT_EQ(record.size(), size_of_message(read, largest));
    ASSERT_TRUE(is_message(record, read)) << read;
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(record.data()) % GetParam().payload_alignment, 0U);
    reader.release();
    ++read;
  }
  EXPECT_FALSE(reader.corrupt() || writer.corrupt);
}

TEST_P(KernelRingTest, KernelReadsWhatTheLibraryWrites) {
  const test::PrintedSeed printed;
  Dice dice(test::seed());
  core::SpscRing<>::Writer writer(memory());
  rb_reader reader;
  ASSERT_EQ(start(reader), 0);
  const std::uint32_t largest = writer.max_record_bytes();
  std::uint64_t written = 0;
  for (std::uint64_t read = 0; read < 20'000;) {
    if (dice.roll(2) == 0) {
      const std::span<std::byte> room = writer.claim(size_of_message(written, largest));
      if (room.data() != nullptr) {
        write_message(room, written++);
        writer.commit();
      }
    }
    if (dice.roll(2) != 0) continue;
    std::uint32_t size = 0;
    const void* const record = rb_reader_peek(&reader, &size);
    ASSERT_EQ(error_of(record), read < written ? 0 : EAGAIN) << read;
    if (error_of(record) != 0) continue;
    ASSERT_EQ(size, size_of_message(read, largest));
    ASSERT_TRUE(is_message({static_cast<const std::byte*>(record), size}, read)) << read;
    rb_reader_release(&reader);
    ++read;
  }
  EXPECT_FALSE(writer.corrupt() || reader.corrupt);
}

// A payload that is nothing but headers, right for where they will stand in the next lap.
TEST_P(KernelRingTest, PayloadNeverPassesForAHeader) {
  rb_writer writer;
  ASSERT_EQ(start(writer), 0);
  core::SpscRing<>::Reader reader(memory());
  const std::uint64_t capacity = GetParam().capacity_bytes;
  for (int lap = 0; lap < 200; ++lap) {
    const auto size = static_cast<std::uint32_t>(capacity / 2);
    auto* const room = static_cast<std::byte*>(rb_writer_claim(&writer, size));
    ASSERT_EQ(error_of(room), 0);
    const std::uint64_t first = writer.position + RB_HEADER_BYTES + capacity;
    for (std::uint64_t at = 0; at < size; at += 8) {
      const std::uint64_t forged = SpscPlaces::header_of(first + at, 16);
      std::memcpy(room + at, &forged, sizeof forged);
    }
    ASSERT_EQ(rb_writer_commit(&writer, lap % 2 == 0 ? size : 1), 0);  // or shorter than claimed
    ASSERT_NE(reader.peek().data(), nullptr);
    reader.release();
    ASSERT_EQ(reader.peek().data(), nullptr) << lap;
    for (int more = 0; more < lap % 7; ++more) {  // another place each time
      ASSERT_TRUE(write(writer, 0, 8));
      ASSERT_EQ(reader.peek().size(), 8U);
      reader.release();
      ASSERT_EQ(reader.peek().data(), nullptr) << lap;
    }
  }
}

TEST_P(KernelRingTest, CallsOutOfTurnDoNothing) {
  rb_writer writer;
  rb_reader reader;
  ASSERT_EQ(start(writer), 0);
  ASSERT_EQ(start(reader), 0);
  const std::uint32_t largest = rb_writer_max_record(&writer);
  rb_reader_release(&reader);
  rb_writer_abort(&writer);
  EXPECT_EQ(rb_writer_commit(&writer, 8), -EINVAL);
  EXPECT_EQ(error_of(rb_writer_claim(&writer, largest + 1)), EMSGSIZE);
  EXPECT_EQ(error_of(rb_writer_claim(&writer, UINT32_MAX)), EMSGSIZE);
  ASSERT_EQ(error_of(rb_writer_claim(&writer, 8)), 0);
  EXPECT_EQ(rb_writer_commit(&writer, 9), -EINVAL);
  EXPECT_EQ(rb_writer_commit(&writer, 8), 0);
  EXPECT_EQ(rb_writer_commit(&writer, 8), -EINVAL);
  ASSERT_EQ(error_of(rb_writer_claim(&writer, 8)), 0);
  EXPECT_EQ(error_of(rb_writer_claim(&writer, largest + 1)), EMSGSIZE);
  EXPECT_EQ(rb_writer_commit(&writer, 8), -EINVAL) << "forgotten by the next claim";
  ASSERT_EQ(error_of(rb_writer_claim(&writer, 8)), 0);
  rb_writer_abort(&writer);
  EXPECT_EQ(rb_writer_commit(&writer, 8), -EINVAL);
  std::uint32_t size = 0;
  ASSERT_EQ(error_of(rb_reader_peek(&reader, &size)), 0);
  rb_reader_release(&reader);
  rb_reader_release(&reader);
  EXPECT_EQ(error_of(rb_reader_peek(&reader, &size)), EAGAIN);
  rb_reader_release(&reader);
  EXPECT_EQ(control().head, writer.position);
}

TEST_P(KernelRingTest, EmptyRecordIsOne) {
  rb_writer writer;
  rb_reader reader;
  ASSERT_EQ(start(writer), 0);
  ASSERT_EQ(start(reader), 0);
  for (int lap = 0; lap < 1000; ++lap) {
    std::uint32_t size = 1;
    ASSERT_EQ(error_of(rb_writer_claim(&writer, 0)), 0);
    ASSERT_EQ(rb_writer_commit(&writer, 0), 0);
    ASSERT_EQ(error_of(rb_reader_peek(&reader, &size)), 0);
    ASSERT_EQ(size, 0U);
    rb_reader_release(&reader);
  }
}

TEST_P(KernelRingTest, RoomForAHeaderAlwaysStaysFree) {
  rb_writer writer;
  ASSERT_EQ(start(writer), 0);
  const std::uint32_t size = GetParam().record_alignment - RB_HEADER_BYTES;
  std::uint64_t records = 0;
  while (write(writer, 0, size == 0 ? RB_HEADER_BYTES : size)) ++records;
  const std::uint64_t each = size == 0 ? 16 : GetParam().record_alignment;
  EXPECT_EQ(records, (GetParam().capacity_bytes - RB_HEADER_BYTES) / each);
}

TEST_P(KernelRingTest, RecordThatTheWriterTakesBackIsNotGivenBack) {
  rb_writer writer;
  rb_reader reader;
  ASSERT_EQ(start(writer), 0);
  ASSERT_EQ(start(reader), 0);
  ASSERT_TRUE(write(writer, 0, 8));
  std::uint32_t size = 0;
  ASSERT_EQ(error_of(rb_reader_peek(&reader, &size)), 0);
  word_at(0) = 0;
  ASSERT_EQ(error_of(rb_reader_peek(&reader, &size)), EAGAIN);
  rb_reader_release(&reader);
  EXPECT_EQ(reader.cursor, 0U);
}

TEST_P(KernelRingTest, SuccessorsGoOnWhereTheLastOnesStopped) {
  std::uint64_t number = 0;
  for (int life = 0; life < 300; ++life) {
    rb_writer writer;
    rb_reader reader;
    ASSERT_EQ(start(writer), 0);
    ASSERT_TRUE(write(writer, number, 100));
    ASSERT_TRUE(write(writer, number + 1, 10));
    ASSERT_EQ(error_of(rb_writer_claim(&writer, 50)), 0);  // never committed
    ASSERT_EQ(start(reader), 0);
    for (std::uint64_t i = 0; i < 2; ++i) {
      std::uint32_t size = 0;
      const void* const record = rb_reader_peek(&reader, &size);
      ASSERT_EQ(error_of(record), 0);
      ASSERT_TRUE(is_message({static_cast<const std::byte*>(record), size}, number + i));
      rb_reader_release(&reader);
    }
    rb_reader_publish(&reader);
    number += 2;
  }
}

TEST_P(KernelRingTest, WhatNoReaderStoresIsFoundByTheWriter) {
  const std::uint64_t capacity = GetParam().capacity_bytes;
  for (const std::uint64_t head :
       {std::uint64_t{1}, capacity, std::uint64_t{0} - capacity, std::uint64_t{1} << 63U}) {
    rb_writer writer;
    control().head = 0;
    ASSERT_EQ(start(writer), 0);
    while (write(writer, 0, 100)) {
    }
    control().head = head == capacity ? writer.position + GetParam().record_alignment : head;
    EXPECT_EQ(error_of(rb_writer_claim(&writer, 100)), EUCLEAN) << head;
    control().head = GetParam().record_alignment * 16;
    EXPECT_EQ(error_of(rb_writer_claim(&writer, 100)), EUCLEAN) << "for good";
    std::memset(channel_.region().data(), 0, capacity);
  }
  control().head = 4;
  rb_writer writer;
  rb_reader reader;
  EXPECT_EQ(start(writer), -EUCLEAN);
  EXPECT_EQ(start(reader), -EUCLEAN);
}

TEST_P(KernelRingTest, WhatNoWriterStoresIsFoundByTheReaderAndBySuccessors) {
  const std::uint32_t largest = memory().max_record_bytes();
  for (const std::uint32_t size : {largest + 1, UINT32_MAX}) {
    rb_writer writer;
    rb_reader reader;
    ASSERT_EQ(start(reader), 0);
    word_at(0) = SpscPlaces::header_of(0, size);
    std::uint32_t got = 0;
    EXPECT_EQ(error_of(rb_reader_peek(&reader, &got)), EUCLEAN) << size;
    EXPECT_TRUE(rb_reader_ready(&reader));
    EXPECT_EQ(start(writer), -EUCLEAN) << size;
    word_at(0) = 0;
    EXPECT_EQ(error_of(rb_reader_peek(&reader, &got)), EUCLEAN) << "for good";
  }
  const std::uint32_t step = 2 * GetParam().record_alignment;
  for (std::uint64_t at = 0; at < GetParam().capacity_bytes; at += step) {  // no byte is free
    word_at(at) = SpscPlaces::header_of(at, step - RB_HEADER_BYTES);
  }
  rb_writer writer;
  EXPECT_EQ(start(writer), -EUCLEAN);
}

TEST_P(KernelRingTest, PublishingRingsOnceAndOnlyIfTheOtherSideIsParked) {
  using Parking = core::Parking<>;
  std::uint32_t& bell = control().data_bell.word;
  rb_writer writer;
  ASSERT_EQ(start(writer), 0);
  for (const std::uint32_t awake : {0U, Parking::kFence}) {
    rung_.count = 0;
    bell = awake;
    ASSERT_TRUE(write(writer, 0, 8));
    EXPECT_EQ(rung_.count, 0U);
    bell = awake | Parking::kParked;
    ASSERT_TRUE(write(writer, 0, 8));
    ASSERT_TRUE(write(writer, 0, 8));
    EXPECT_EQ(rung_.count, 1U);
    EXPECT_EQ(bell, awake) << "what the other side needs is kept";
  }
}

TEST_P(KernelRingTest, HeadIsPublishedInStepsAndRings) {
  const std::uint64_t capacity = GetParam().capacity_bytes;
  rb_writer writer;
  rb_reader reader;
  ASSERT_EQ(start(writer), 0);
  ASSERT_EQ(start(reader), 0);
  while (write(writer, 0, 64)) {
  }
  rung_.count = 0;
  control().space_bell.word = core::Parking<>::kParked;
  std::uint32_t size = 0;
  while (control().head == 0) {
    ASSERT_EQ(rung_.count, 0U);
    ASSERT_EQ(error_of(rb_reader_peek(&reader, &size)), 0);
    rb_reader_release(&reader);
    ASSERT_LE(reader.cursor, capacity / RB_HEAD_PUBLICATIONS + 128);
  }
  EXPECT_EQ(rung_.count, 1U);
  EXPECT_EQ(control().space_bell.word, 0U);
  EXPECT_TRUE(rb_writer_ready(&writer, 64));
}

// Whatever stands anywhere: what a call returns lies in the two images of the data.
TEST_P(KernelRingTest, NothingStoredAnywhereLeadsOutOfTheRing) {
  const test::PrintedSeed printed;
  Dice dice(test::seed());
  const Region region = test::copy_of(channel_.region());
  auto* const first = reinterpret_cast<std::uint64_t*>(&region.spsc_control());
  const std::uint64_t words = (region.geometry().region_bytes - 4096) / 8;
  const std::byte* const data = channel_.region().data();
  const auto inside = [&](const void* record, std::uint32_t size) {
    const auto* const bytes = static_cast<const std::byte*>(record);
    return bytes >= data && bytes + size <= data + 2 * GetParam().capacity_bytes;
  };
  for (int life = 0; life < 2'000; ++life) {
    rb_writer writer;
    rb_reader reader;
    const bool writes = start(writer) == 0;
    const bool reads = start(reader) == 0;
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t at = dice.roll(4) == 0 ? 0 : dice.roll(words);
      const std::uint64_t position = dice.roll(2) == 0 ? reader.cursor : writer.position;
      const auto size = static_cast<std::uint32_t>(1 + dice.roll(rb_writer_max_record(&writer)));
      first[at] = dice.roll(2) == 0 ? test::mix(dice.roll(UINT64_MAX)) : position;
      word_at(position) = SpscPlaces::header_of(position, size + (dice.roll(9) == 0 ? 9999 : 0));
      if (void* const room = rb_writer_claim(&writer, size); writes && error_of(room) == 0) {
        ASSERT_TRUE(inside(room, size));
        std::memset(room, 0xff, size);
        ASSERT_EQ(rb_writer_commit(&writer, size), 0);
      }
      std::uint32_t got = 0;
      const void* const record = rb_reader_peek(&reader, &got);
      if (!reads || error_of(record) != 0) continue;
      ASSERT_TRUE(inside(record, got));
      rb_reader_release(&reader);
    }
    control().head = 0;
  }
}

}  // namespace
}  // namespace ringbell
