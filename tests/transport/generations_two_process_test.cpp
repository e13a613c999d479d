// A thousand generations of a name under load: senders make one after the other, a receiver goes
// through all of them, and both are killed at random. Nothing is lost, and the order is kept.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <span>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::Progress;

constexpr std::uint64_t kGenerations = 1000;
constexpr std::uint64_t kMost = 1U << 20;  // messages
constexpr auto kLong = 60s;

struct Shared {
  test::SharedPages pages{2 * kMost + 65536};
  Progress& written = *pages.take<Progress>();
  Progress& read = *pages.take<Progress>();
  std::uint64_t& generations = *pages.take<std::uint64_t>();
  std::uint64_t& is_over = *pages.take<std::uint64_t>();
  // Those that a sender had begun when it died: they may have come, or not.
  std::uint8_t* const uncertain = pages.take<std::uint8_t>(kMost);

  [[nodiscard]] bool over() const { return std::atomic_ref(is_over).load() != 0; }
  [[nodiscard]] std::uint64_t made() const { return std::atomic_ref(generations).load(); }
  // Whether all of these messages may be missing.
  [[nodiscard]] bool may_miss(std::uint64_t from, std::uint64_t end) const {
    return std::all_of(uncertain + std::min(from, end), uncertain + end,
                       [](std::uint8_t one) { return one != 0; });
  }
  [[nodiscard]] bool has_all() const { return over() && may_miss(read.least(), written.most()); }
};

// Exit status: 0; 3 and more: something is wrong.
int write(Shared& shared, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  while (!shared.over() && shared.made() < kGenerations) {
    const ChannelOptions options{.capacity_bytes = 4096U << (shared.made() % 3),
                                 .replace = Replace::when_drained};
    Result<Sender> sender = Sender::create("orders", options);
    if (!sender && code_of(sender) == ErrorCode::busy) continue;
    if (!sender) return std::fprintf(stderr, "%s\n", message_of(sender).c_str()), 3;
    for (std::uint64_t i = random() % 40; i > 0; --i) {
      if (shared.written.least() >= kMost) return 4;
      std::array<std::uint64_t, 8> message{};
      message.fill(shared.written.least());
      shared.written.begin();
      const Result<bool> sent = sender->send(std::as_bytes(std::span(message)), kLong);
      if (sent == true) {
        shared.written.finish();
      } else if (!sent && code_of(sent) == ErrorCode::peer_dead) {
        ++i;  // full, and the next receiver is to come
        shared.written.begin(0);
      } else {
        return 5;
      }
    }
    std::atomic_ref(shared.generations).fetch_add(1);
  }
  return 0;
}

int read(Shared& shared) {
  Result<Receiver> receiver = Receiver::open("orders", 100ms);
  while (!receiver && code_of(receiver) == ErrorCode::not_found) {
    if (shared.has_all()) return 0;  // by the reader before this one
    receiver = Receiver::open("orders", 100ms);
  }
  if (!receiver) return std::fprintf(stderr, "%s\n", message_of(receiver).c_str()), 3;
  std::uint64_t due = 0;
  for (bool first = true;;) {
    const auto record = receiver->peek_for(20ms);
    const bool is_gone = !record && (code_of(record) == ErrorCode::peer_dead ||
                                     code_of(record) == ErrorCode::closed);
    if (!record && !is_gone) {
      return std::fprintf(stderr, "%s\n", message_of(record).c_str()), 4;
    }
    if (is_gone || !*record) {
      if (shared.has_all()) return 0;
      if (is_gone) std::this_thread::sleep_for(1ms);
      continue;
    }
    std::array<std::uint64_t, 8> message{};
    if ((*record)->size() != sizeof message) return 5;
    std::memcpy(message.data(), (*record)->data(), sizeof message);
    const std::uint64_t number = message[0];
    for (const std::uint64_t word : message) {
      if (word != number) return 6;
    }
    if (!first && number < due) return 7;
    if (!shared.may_miss(first ? shared.read.most() : due, number)) return 8;
    first = false;
    due = number + 1;
    if (number >= shared.read.least()) {
      shared.read = {.begun = due, .done = shared.read.least()};
    }
    receiver->release();
    if (number >= shared.read.least()) shared.read.finish();
  }
}

TEST(GenerationsTwoProcessTest, AThousandUnderLoadAndKillsLoseNothingAndKeepTheOrder) {
  const test::TemporaryNameFolder folder;
  Shared shared;
  std::mt19937_64 random(test::seed());
  const auto writer = [&] {
    return ChildProcess::fork([&, seed = random()] { return write(shared, seed); });
  };
  const auto reader = [&] { return ChildProcess::fork([&] { return read(shared); }); };
  ChildProcess writes = writer();
  ChildProcess reads = reader();
  int kills = 0;
  const auto end = std::chrono::steady_clock::now() + 90s;
  while (shared.made() < kGenerations) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << shared.made() << " generations";
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 60));
    ++kills;
    if (random() % 2 == 0) {
      reads.kill_now();
      reads = reader();
      continue;
    }
    writes.kill_now();
    if (shared.written.most() > shared.written.least()) {
      shared.uncertain[shared.written.least()] = 1;
      shared.written.finish();
    }
    writes = writer();
  }
  EXPECT_EQ(writes.wait(), 0);
  std::atomic_ref(shared.is_over).store(1);
  EXPECT_EQ(reads.wait(), 0);
  std::printf("%zu messages, %d kills\n", static_cast<std::size_t>(shared.written.most()), kills);
  EXPECT_THAT(folder.files(), ::testing::SizeIs(::testing::Le(1)));
}

}  // namespace
}  // namespace ringbell
