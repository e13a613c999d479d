// A CallLine and a CallGroup of which a caller or the server dies before any instruction.
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/call_group.hpp>
#include <ringbell/core/call_line.hpp>

#include <tests/crash/steps.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::core {
namespace {

constexpr std::uint32_t kShort = 40;
constexpr std::uint32_t kLong = 200;  // stands in the buffers
constexpr std::uint64_t kAnswer = 250;

// Which are long, and what answers what, follows from the number of a call.
const test::FixedMessages& messages_of(std::uint64_t number) {
  static const test::FixedMessages brief(kShort);
  static const test::FixedMessages lengthy(kLong);
  return number % 2 == 0 ? brief : lengthy;
}
std::uint32_t size_of(std::uint64_t number) { return number % 2 == 0 ? kShort : kLong; }

template <class Caller>
bool call(Caller& caller, std::uint64_t number) {
  const std::span<std::byte> room = caller.claim(size_of(number));
  if (room.empty()) return false;
  messages_of(number).put(room, number);
  caller.call();
  return true;
}

// `by`: the server, or what it has taken.
template <class By>
void write_answer(By& by, std::uint64_t number) {
  messages_of(number).put(by.claim(size_of(number)), number + kAnswer);
}
template <class Server>
void respond(Server& server, std::uint64_t number) {
  write_answer(server, number);
  server.respond();
}

template <class Caller>
bool has_answer(const Caller& caller, std::uint64_t number) {
  return !caller.failed() && messages_of(number).is(caller.response(), number + kAnswer);
}

// A line as it is, or the middle one of three in a group, in which a signal may be lost.
struct OneLine {
  using Caller = CallLine<>::Caller;
  using Server = CallLine<>::Server;
  static constexpr const char* kName = "CallLine";
  static constexpr int kRounds = 1;

  explicit OneLine(test::SharedPages& pages)
      : memory{.cell = pages.take<CallCell>(),
               .request_buffer = pages.take<std::byte>(kLong),
               .response_buffer = pages.take<std::byte>(kLong),
               .buffer_bytes = kLong} {}
  [[nodiscard]] Caller caller() const { return Caller(memory); }
  [[nodiscard]] Server server() { return Server(memory); }

  CallMemory memory;
};

struct Group {
  using Caller = CallGroup<>::Caller;
  using Server = CallGroup<>::Server;
  static constexpr const char* kName = "CallGroup";
  static constexpr std::uint32_t kLines = 3;
  static constexpr int kRounds = kLines + 1;

  explicit Group(test::SharedPages& pages)
      : memory{.control = pages.take<ReadyControl>(),
               .lines = pages.take<CallGroupLine>(kLines),
               .buffers = pages.take<std::byte>(2 * kLines * kLong),
               .buffer_bytes = kLong,
               .lane_count = kLines} {}
  [[nodiscard]] Caller caller() const { return Caller(memory, 1); }
  // One at a time: they share what a server keeps.
  [[nodiscard]] Server server() {
    storage = std::vector<CallGroup<>::ServerLine>(kLines);
    return Server(memory, storage, {.patience = 2, .kept_lanes = 1});
  }

  CallGroupMemory memory;
  std::vector<CallGroup<>::ServerLine> storage;
};

template <class Line>
class CallVictim : public test::Victim {
 public:
  explicit CallVictim(void (*operation)(CallVictim&)) : operation_(operation) {
    for (int i = 0; i < 3; ++i) EXPECT_NO_FATAL_FAILURE(go_round(caller, server));
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(server.request().empty());  // quiet lines
  }

  void operate() override { operation_(*this); }

 private:
  test::SharedPages pages_{16384};

 public:
  Line line{pages_};
  typename Line::Caller caller = line.caller();
  typename Line::Server server = line.server();
  test::Progress& called = *pages_.take<test::Progress>();
  test::Progress& begun = *pages_.take<test::Progress>();
  test::Progress& answered = *pages_.take<test::Progress>();
  test::Progress& withdrawn = *pages_.take<test::Progress>();
  std::uint64_t number = 0;

  // Empty, if there is none within as many rounds as there are lines.
  static std::span<const std::byte> request(typename Line::Server& by) {
    for (int round = 0; round < Line::kRounds; ++round) {
      const std::span<const std::byte> found = by.request();
      if (!found.empty()) return found;
    }
    return {};
  }

 protected:
  void go_round(typename Line::Caller& from, typename Line::Server& to) {
    ASSERT_TRUE(call(from, number));
    ASSERT_FALSE(from.answered());
    ASSERT_TRUE(messages_of(number).is(request(to), number)) << number;
    respond(to, number);
    ASSERT_TRUE(from.answered());
    ASSERT_TRUE(has_answer(from, number));
    ++number;
  }
  void go_many_rounds(typename Line::Caller& from, typename Line::Server& to) {
    for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(go_round(from, to));
    ASSERT_FALSE(from.corrupt());
  }

 private:
  void (*operation_)(CallVictim&);
};

template <class Line>
using CaseOf = test::StepCase<CallVictim<Line>>;

// --- a caller ------------------------------------------------------------------------------------

template <class Line>
class DyingCaller : public CallVictim<Line> {
 public:
  using CallVictim<Line>::CallVictim;

  void survive() override {
    typename Line::Caller next = this->line.caller();
    std::uint64_t served = 0;
    while (true) {
      const std::span<const std::byte> request = this->request(this->server);
      if (request.empty()) break;
      ASSERT_TRUE(messages_of(this->number).is(request, this->number)) << "torn";
      ASSERT_TRUE(next.claim(kShort).empty()) << "the line is the server's until it has answered";
      respond(this->server, this->number++);
      ++served;
    }
    ASSERT_GE(served + this->withdrawn.most(), this->called.least()) << "called, and lost";
    ASSERT_LE(served + this->withdrawn.least(), this->called.most()) << "never called, or gone";
    ASSERT_NO_FATAL_FAILURE(this->go_many_rounds(next, this->server));
  }
};

template <class Line>
void call_one(CallVictim<Line>& at) {
  const std::span<std::byte> room = at.caller.claim(size_of(at.number));
  messages_of(at.number).put(room, at.number);
  at.called.begin();
  at.caller.call();
  at.called.finish();
  (void)at.caller.answered();
}

// The server has not begun it: it is taken back.
template <class Line>
void call_and_abandon(CallVictim<Line>& at) {
  call_one(at);
  at.withdrawn.begin();
  (void)at.caller.abandon();
  at.withdrawn.finish();
  (void)at.caller.claim(kShort);
}

template <class Line>
void take_over_calling(CallVictim<Line>& at) {
  at.caller = at.line.caller();
  call_one(at);
}

// Another one has called and died; the server has not answered.
template <class Line>
class DyingCallersHeir : public DyingCaller<Line> {
 public:
  explicit DyingCallersHeir(void (*operation)(CallVictim<Line>&)) : DyingCaller<Line>(operation) {
    this->called.begin();
    EXPECT_TRUE(call(this->caller, this->number));
    this->called.finish();
  }
};

// The server has begun the call.
template <class Line>
class DyingCallerOfBegun : public DyingCallersHeir<Line> {
 public:
  explicit DyingCallerOfBegun(void (*operation)(CallVictim<Line>&))
      : DyingCallersHeir<Line>(operation) {
    EXPECT_FALSE(this->request(this->server).empty());
  }
};

template <class Line>
void abandon_begun(CallVictim<Line>& at) {
  (void)at.caller.abandon();
  (void)at.caller.claim(kShort);
}

template <class Line>
void take_over_called(CallVictim<Line>& at) {
  at.caller = at.line.caller();
  (void)at.caller.claim(kShort);
}

// The server has sent a part, and waits for what the caller makes of it.
template <class Line>
class DyingCallerOfPart : public CallVictim<Line> {
 public:
  explicit DyingCallerOfPart(void (*operation)(CallVictim<Line>&)) : CallVictim<Line>(operation) {
    EXPECT_TRUE(call(this->caller, this->number));
    EXPECT_FALSE(this->request(this->server).empty());
    taken_.emplace(this->server.take());
    write_answer(*taken_, this->number);
    EXPECT_TRUE(taken_->part());
  }

  void survive() override {
    typename Line::Caller next = this->line.caller();
    ASSERT_EQ(taken_->look(), CallLine<>::Taken::Standing::here);
    ASSERT_TRUE(taken_->is_cancelled());
    ASSERT_TRUE(next.claim(kShort).empty()) << "the line is the server's until it ends the call";
    taken_->drop();
    ++this->number;
    ASSERT_NO_FATAL_FAILURE(this->go_many_rounds(next, this->server));
  }

 private:
  std::optional<CallLine<>::Taken> taken_;
};

template <class Line>
void ask_for_the_next_part(CallVictim<Line>& at) {
  (void)at.caller.answered();
  (void)at.caller.next();
  (void)at.caller.answered();
}

template <class Line>
void abandon_between_parts(CallVictim<Line>& at) {
  (void)at.caller.answered();
  (void)at.caller.abandon();
  (void)at.caller.claim(kShort);
}

// --- the server ----------------------------------------------------------------------------------

template <class Line>
class DyingServer : public CallVictim<Line> {
 public:
  explicit DyingServer(void (*operation)(CallVictim<Line>&)) : CallVictim<Line>(operation) {
    if (this->number % 2 == 0) ++this->number;
    EXPECT_TRUE(call(this->caller, this->number));
  }

  void survive() override {
    typename Line::Server next = this->line.server();
    const std::span<const std::byte> request = this->request(next);
    if (!request.empty()) {
      ASSERT_EQ(this->begun.least(), 0U) << "begun twice";
      ASSERT_TRUE(messages_of(this->number).is(request, this->number));
      respond(next, this->number);
    }
    ASSERT_TRUE(this->caller.answered()) << "no answer will ever come";
    if (this->caller.failed()) {
      ASSERT_EQ(this->begun.most(), 1U) << "not begun, and failed";
      ASSERT_EQ(this->answered.least(), 0U) << "answered, and failed";
    } else {
      ASSERT_TRUE(has_answer(this->caller, this->number)) << "half an answer";
      ASSERT_TRUE(!request.empty() || this->answered.most() == 1) << "never answered";
    }
    ++this->number;
    ASSERT_NO_FATAL_FAILURE(this->go_many_rounds(this->caller, next));
  }
};

template <class Line>
void serve_one(CallVictim<Line>& at) {
  at.begun.begin();
  (void)at.request(at.server);
  at.begun.finish();
  write_answer(at.server, at.number);
  at.answered.begin();
  at.server.respond();
  at.answered.finish();
  (void)at.server.request();
}

template <class Line>
void take_and_serve_one(CallVictim<Line>& at) {
  at.begun.begin();
  (void)at.request(at.server);
  at.begun.finish();
  auto taken = at.server.take();
  write_answer(taken, at.number);
  at.answered.begin();
  taken.respond();
  at.answered.finish();
  (void)at.server.request();
}

// With a part that the end of the call makes the last one.
template <class Line>
void take_and_serve_in_parts(CallVictim<Line>& at) {
  at.begun.begin();
  (void)at.request(at.server);
  at.begun.finish();
  auto taken = at.server.take();
  write_answer(taken, at.number);
  (void)taken.part();
  (void)taken.look();
  at.answered.begin();
  taken.finish();
  at.answered.finish();
  (void)at.server.request();
}

template <class Line>
void take_over_serving(CallVictim<Line>& at) {
  at.server = at.line.server();
  serve_one(at);
}

// Another one has begun it and died.
template <class Line>
class DyingServersHeir : public DyingServer<Line> {
 public:
  explicit DyingServersHeir(void (*operation)(CallVictim<Line>&)) : DyingServer<Line>(operation) {
    this->begun.begin();
    EXPECT_FALSE(this->request(this->server).empty());
    this->begun.finish();
  }
};

template <class Line>
void take_over_begun(CallVictim<Line>& at) {
  at.server = at.line.server();
  (void)at.request(at.server);
}

template <class Line, template <class> class Dying>
void kill_at_every_instruction(const CaseOf<Line>& one) {
  test::kill_at_every_instruction(std::string(Line::kName) + ", " + one.name,
                                  [&] { return std::make_unique<Dying<Line>>(one.operation); });
}

template <class Line>
class CallStepsTest : public ::testing::Test {};
using Lines = ::testing::Types<OneLine, Group>;
TYPED_TEST_SUITE(CallStepsTest, Lines);

TYPED_TEST(CallStepsTest, DeadCallersLineIsTakenOverAsIfItHadGivenUp) {
  for (const CaseOf<TypeParam>& one :
       {CaseOf<TypeParam>{"caller, call", call_one<TypeParam>},
        CaseOf<TypeParam>{"caller, abandon", call_and_abandon<TypeParam>},
        CaseOf<TypeParam>{"caller, take over", take_over_calling<TypeParam>}}) {
    kill_at_every_instruction<TypeParam, DyingCaller>(one);
  }
  kill_at_every_instruction<TypeParam, DyingCallersHeir>(
      {"caller, take over what was called", take_over_called<TypeParam>});
  kill_at_every_instruction<TypeParam, DyingCallerOfBegun>(
      {"caller, abandon what is begun", abandon_begun<TypeParam>});
  kill_at_every_instruction<TypeParam, DyingCallerOfBegun>(
      {"caller, take over what is begun", take_over_called<TypeParam>});
  for (const CaseOf<TypeParam>& one :
       {CaseOf<TypeParam>{"caller, ask for the next part", ask_for_the_next_part<TypeParam>},
        CaseOf<TypeParam>{"caller, abandon between parts", abandon_between_parts<TypeParam>},
        CaseOf<TypeParam>{"caller, take over a part", take_over_called<TypeParam>}}) {
    kill_at_every_instruction<TypeParam, DyingCallerOfPart>(one);
  }
}

TYPED_TEST(CallStepsTest, DeadServersCallIsAnsweredOnceOrFails) {
  for (const CaseOf<TypeParam>& one :
       {CaseOf<TypeParam>{"server, serve", serve_one<TypeParam>},
        CaseOf<TypeParam>{"server, take and serve", take_and_serve_one<TypeParam>},
        CaseOf<TypeParam>{"server, serve in parts", take_and_serve_in_parts<TypeParam>},
        CaseOf<TypeParam>{"server, take over", take_over_serving<TypeParam>}}) {
    kill_at_every_instruction<TypeParam, DyingServer>(one);
  }
}

TYPED_TEST(CallStepsTest, CallThatWasBegunFailsWhoeverComesThen) {
  kill_at_every_instruction<TypeParam, DyingServersHeir>(
      {"server, take over what was begun", take_over_begun<TypeParam>});
}

}  // namespace
}  // namespace ringbell::core
