// An end begins with core::kFalseSharingBytes that no message touches, so that what the end in
// front of it changes with every message is on none of the lines that it needs itself. Held by
// pages: the first bytes of an end stand at the end of one that cannot be read.
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/interruptible_ends.hpp>

namespace ringbell {
namespace {

using namespace test;

struct WriterOfState {
  using End = StateWriter;
  Buffer buffer{};

  static End open(const WaitOptions& wait) {
    return StateWriter::open(State::create({.value_bytes = kBytes}).value(), wait).value();
  }
  static bool provide() { return true; }
  bool consume(End& end) { return end.set(buffer).has_value(); }
};

struct ReaderOfState {
  using End = StateReader;
  State state = State::create({.value_bytes = kBytes}).value();
  State same = State::attach(state.fds()).value();
  StateWriter other = StateWriter::open(std::move(state)).value();
  Buffer buffer{};

  End open(const WaitOptions& wait) { return StateReader::open(std::move(same), wait).value(); }
  bool provide() { return other.set(buffer).has_value(); }
  bool consume(End& end) { return end.changed() && end.get(buffer).value().has_value(); }
};

// Two pages, with an end across their border.
template <class End>
class Astride {
 public:
  template <class Kind>
  explicit Astride(Kind& kind)
      : end_(::new (pages_ + page_ - core::kFalseSharingBytes) End(kind.open({}))) {}
  Astride(const Astride&) = delete;
  Astride& operator=(const Astride&) = delete;
  ~Astride() {
    protect(PROT_READ | PROT_WRITE);
    std::destroy_at(end_);
    ::munmap(pages_, 2 * page_);
  }

  void protect(int access) { EXPECT_EQ(::mprotect(pages_, page_, access), 0); }
  [[nodiscard]] End& end() noexcept { return *end_; }

 private:
  static_assert(core::kFalseSharingBytes % alignof(End) == 0);
  const std::size_t page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::byte* pages_ = static_cast<std::byte*>(
      ::mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  End* end_;
};

// All ends but Subscriber, which is a pointer to what has its lines to itself.
using Ends = ::testing::Types<
    ReceiverOfChannel<core::DoorbellKind::futex>, SenderOfChannel<core::DoorbellKind::futex>,
    ReceiverOfChannel<core::DoorbellKind::eventfd>, SenderOfChannel<core::DoorbellKind::eventfd>,
    ReceiverOfQueue, SenderOfQueue, PublisherOfLossless, WriterOfCollector, ReaderOfCollector,
    ClientOfService, ServerOfService, WriterOfState, ReaderOfState>;

template <class Kind>
class SharedLinesTest : public ::testing::Test {};
TYPED_TEST_SUITE(SharedLinesTest, Ends);

TYPED_TEST(SharedLinesTest, NoMessageTouchesTheFirstBytesOfAnEnd) {
  TypeParam kind;
  Astride<typename TypeParam::End> astride(kind);
  astride.protect(PROT_NONE);
  for (int lap = 0; lap < 1000; ++lap) {
    ASSERT_TRUE(kind.provide());
    ASSERT_TRUE(kind.consume(astride.end()));
  }
}

}  // namespace
}  // namespace ringbell
