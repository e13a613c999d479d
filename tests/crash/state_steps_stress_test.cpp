// A state: the writer, a reader that copies, or one that looks in place dies before any
// instruction.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/state.hpp>

#include <tests/crash/steps.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::core {
namespace {

constexpr std::uint32_t kBytes = 40;
constexpr std::uint32_t kLongBytes = 525;  // copied by one instruction, and not whole words
constexpr std::uint32_t kParticipants = 3;
constexpr std::uint32_t kDying = 1;
constexpr std::uint32_t kLiving = 2;

const test::FixedMessages& values_of(std::uint32_t bytes) {
  static const test::FixedMessages brief(kBytes);
  static const test::FixedMessages lengthy(kLongBytes);
  return bytes == kBytes ? brief : lengthy;
}

// Value n is message n. The surviving reader looks at value 8; four more have followed.
class StateVictim : public test::Victim {
  using Memory = StateMemory<std::byte>;

 public:
  StateVictim(void (*operation)(StateVictim&), std::uint32_t bytes)
      : values(values_of(bytes)), bytes_(bytes), operation_(operation) {
    while (number < 8) set(*writer);
    seen_ = *living_.look(0);
    while (number < 12) set(*writer);
  }
  void operate() override { operation_(*this); }

  void survive() override {
    const std::uint64_t newest = read(copying_);
    ASSERT_GE(newest, number + progress.least()) << "set, and lost";
    ASSERT_LE(newest, number + progress.most()) << "never set";
    ASSERT_TRUE(values.is(seen_, 8)) << "overwritten while it was looked at";
    State<>::Writer next(memory<std::byte>());
    ASSERT_EQ(next.number(0), newest);
    State<>::Reader newcomer(memory<const std::byte>(), kDying);
    number = newest;
    for (const std::uint64_t end = number + 12; number < end;) {
      ASSERT_NO_FATAL_FAILURE(set(next));
      ASSERT_EQ(read(copying_), number);
      const auto seen = newcomer.look(0);
      ASSERT_TRUE(seen && values.is(*seen, number)) << number;
      ASSERT_TRUE(newcomer.release());
    }
    ASSERT_TRUE(values.is(seen_, 8));
    ASSERT_TRUE(living_.release());
    ASSERT_FALSE(next.corrupt() || copying_.corrupt() || living_.corrupt() || newcomer.corrupt());
  }

  void set(State<>::Writer& by) {
    ASSERT_TRUE(by.set(0, values.get(number + 1)));
    ++number;
  }

 private:
  test::SharedPages pages_{16384};

 public:
  const test::FixedMessages& values;
  test::Progress& progress = *pages_.take<test::Progress>();

 private:
  std::uint32_t bytes_;
  std::byte* values_at_ =
      pages_.take<std::byte>(Memory::key_bytes_for(kLongBytes, Memory::buffers_for(kParticipants)));
  ParticipantLine* pins_ = pages_.take<ParticipantLine>(kParticipants);

 public:
  template <class Byte>
  [[nodiscard]] StateMemory<Byte> memory() const noexcept {
    return {.values = values_at_,
            .pins = pins_,
            .participants = kParticipants,
            .keys = 1,
            .value_bytes = bytes_};
  }
  std::optional<State<>::Writer> writer{std::in_place, memory<std::byte>()};
  std::uint64_t number = 0;

 private:
  // Which value it is; it must be whole.
  [[nodiscard]] std::uint64_t read(State<>::Reader& by) {
    const auto copied = by.get(0, into_);
    if (!copied) return 0;
    EXPECT_TRUE(values.is(std::span(into_).first(copied->size_bytes), copied->number));
    return copied->number;
  }

  State<>::Reader copying_{memory<const std::byte>()};
  State<>::Reader living_{memory<const std::byte>(), kLiving};
  std::span<const std::byte> seen_;
  std::vector<std::byte> into_{std::vector<std::byte>(bytes_)};
  void (*operation_)(StateVictim&);
};

void set_three(StateVictim& at) {
  for (int i = 0; i < 3; ++i) {
    at.progress.begin();
    at.set(*at.writer);
    at.progress.finish();
  }
}

void fill_in_place(StateVictim& at) {
  for (int i = 0; i < 2; ++i) {
    const std::span<std::byte> room = at.writer->claim(0);
    at.values.put(room, ++at.number);
    at.progress.begin();
    at.writer->commit(static_cast<std::uint32_t>(room.size()));
    at.progress.finish();
  }
}

void abort_one(StateVictim& at) {
  at.values.put(at.writer->claim(0), 499);
  at.writer->abort();
  set_three(at);
}

void take_over(StateVictim& at) {
  at.writer.emplace(at.memory<std::byte>());
  set_three(at);
}

void copy_two(StateVictim& at) {
  State<>::Reader reader(at.memory<const std::byte>());
  std::vector<std::byte> into(reader.value_bytes());
  for (int i = 0; i < 2; ++i) (void)reader.get(0, into);
}

void look_twice(StateVictim& at) {
  State<>::Reader reader(at.memory<const std::byte>(), kDying);
  for (int i = 0; i < 2; ++i) {
    (void)reader.look(0);
    (void)reader.release();
  }
}

struct StateCase : test::StepCase<StateVictim> {
  std::uint32_t bytes;
};

class StateStepsTest : public ::testing::TestWithParam<StateCase> {};
INSTANTIATE_TEST_SUITE_P(Every, StateStepsTest,
                         ::testing::Values(StateCase{{"Set", set_three}, kBytes},
                                           StateCase{{"SetLong", set_three}, kLongBytes},
                                           StateCase{{"InPlace", fill_in_place}, kBytes},
                                           StateCase{{"Abort", abort_one}, kBytes},
                                           StateCase{{"TakingOver", take_over}, kBytes},
                                           StateCase{{"Copy", copy_two}, kLongBytes},
                                           StateCase{{"Look", look_twice}, kBytes}),
                         test::kNameOfCase);

TEST_P(StateStepsTest, DeathLosesNoValueAndTearsNone) {
  test::kill_at_every_instruction(std::string("State, ") + GetParam().name, [] {
    return std::make_unique<StateVictim>(GetParam().operation, GetParam().bytes);
  });
}

}  // namespace
}  // namespace ringbell::core
