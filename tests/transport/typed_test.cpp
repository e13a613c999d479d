// The typed ends: a type's record, handles, ranges, and what is refused, for every pattern.
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {

struct Quote {
  std::uint64_t number;
  double price;
  friend bool operator==(const Quote&, const Quote&) = default;
};

namespace {

using namespace std::chrono_literals;
using test::copy_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Unnamed {
  std::uint32_t number;
};
struct Renamed {
  static constexpr std::string_view kTypeName = "market.Quote";
  static constexpr std::uint64_t kTypeVersion = 2;
  std::uint64_t number;
};
struct Newer {
  static constexpr std::string_view kTypeName = "market.Quote";
  static constexpr std::uint64_t kTypeVersion = 3;
  std::uint64_t number;
};
struct alignas(64) Wide {
  std::array<float, 16> lanes;
};

struct WithPointer {
  int number;
  const char* text;
};
struct WithPointerDeep {
  std::array<WithPointer, 3> some;
};
struct WithPointers {
  int* pointers[2];
};
struct WithReference {
  int& number;
};
struct Nested {
  Quote quote;
  char name[8];
  std::array<Quote, 2> more;
  Text<16> text;
  Array<Quote, 4> list;
};
struct alignas(128) TooWide {
  int number;
};

static_assert(Sendable<Quote> && Sendable<int> && Sendable<Nested> && Sendable<Wide>);
static_assert(Sendable<Text<8>> && Sendable<Array<Quote, 3>> && Sendable<std::array<char, 100>>);
static_assert(!Sendable<std::string> && !Sendable<int*> && !Sendable<int&> && !Sendable<TooWide>);
static_assert(!Sendable<WithPointer> && !Sendable<WithPointerDeep> && !Sendable<WithPointers>);
static_assert(!Sendable<WithReference> && !Sendable<std::array<int*, 2>> && !Sendable<const int>);
static_assert(SendableMessage<Quote[]> && !SendableMessage<int[4]> && !SendableMessage<int*[]>);
static_assert(!SendableMessage<int[][2]>);

std::string name_in(const core::TypeRecord& type) { return type.name.data(); }

TEST(TypedTest, TypeIsNamedAsTheProgramNamesIt) {
  EXPECT_EQ(name_in(type_of<Quote>()), "ringbell::Quote");
  EXPECT_EQ(name_in(type_of<Quote[]>()), "ringbell::Quote[]");
  EXPECT_EQ(name_in(type_of<Unnamed>()), "ringbell::Unnamed") << "in an unnamed namespace";
  EXPECT_EQ(name_in(type_of<Renamed>()), "market.Quote");
  EXPECT_EQ(name_in(type_of<unsigned long>()), "uint64");
  EXPECT_EQ(name_in(type_of<signed char>()), "int8");
  EXPECT_EQ(name_in(type_of<float[]>()), "float32[]");
  EXPECT_EQ(name_in(type_of<char>()), "char");
  EXPECT_EQ(name_in(type_of_call<Quote, Renamed>()), "ringbell::Quote -> market.Quote 8.2");
}

TEST(TypedTest, TypeRecordHasSizeAlignmentAndVersion) {
  const core::TypeRecord wide = type_of<Wide>();
  EXPECT_EQ(wide.size_bytes, 64U);
  EXPECT_EQ(wide.alignment, 64U);
  EXPECT_EQ(wide.version, 0U);
  EXPECT_EQ(type_of<Renamed>().version, 2U);
  EXPECT_EQ((type_of_call<Renamed, Wide>().size_bytes), sizeof(Renamed));
  EXPECT_EQ((type_of_call<Renamed, Wide>().alignment), 64U);
}

TEST(TypedTest, TextNeverSaysMoreThanItHas) {
  Text<4> text = "abcd";
  EXPECT_EQ(text, "abcd");
  EXPECT_FALSE(text.assign("abcde"));
  EXPECT_EQ(text, "abcd") << "nothing happened";
  EXPECT_TRUE(text.assign("x"));
  const Text<4> same = "x";
  EXPECT_EQ(std::memcmp(&text, &same, sizeof text), 0) << "nothing is left of what it had";
  const std::uint32_t lie = 0xffffffff;
  std::memcpy(static_cast<void*>(&text), &lie, sizeof lie);
  EXPECT_EQ(text.view().size(), 4U);
}

TEST(TypedTest, ArrayNeverSaysMoreThanItHas) {
  Array<int, 3> array;
  EXPECT_TRUE(array.empty());
  for (const int number : {1, 2, 3}) EXPECT_TRUE(array.push_back(number));
  EXPECT_FALSE(array.push_back(4));
  EXPECT_THAT(array, ::testing::ElementsAre(1, 2, 3));
  EXPECT_FALSE(array.assign(std::array{1, 2, 3, 4}));
  EXPECT_TRUE(array.assign(std::array{7}));
  EXPECT_THAT(array.span(), ::testing::ElementsAre(7));
  const std::uint32_t lie = 0xffffffff;
  std::memcpy(static_cast<void*>(&array), &lie, sizeof lie);
  EXPECT_EQ(array.size(), 3U);
  EXPECT_FALSE(array.push_back(5));
}

class TypedNamesTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder_;
};

TEST_F(TypedNamesTest, ChannelGivesWhatWasSent) {
  auto sender = typed::Sender<Quote>::create("quotes").value();
  auto receiver = typed::Receiver<Quote>::open("quotes").value();
  EXPECT_TRUE(sender.send({1, 1.25}).value());
  EXPECT_TRUE(sender.try_send({2, 2.5}));
  auto room = sender.loan();
  ASSERT_TRUE(room);
  room->number = 3;
  room->price = 3.75;
  EXPECT_TRUE(room.send());
  EXPECT_FALSE(room) << "sent";
  EXPECT_EQ(receiver.receive(0ns).value(), (Quote{1, 1.25}));
  {
    const auto quote = receiver.next(0ns);
    ASSERT_TRUE(quote);
    EXPECT_EQ(*quote, (Quote{2, 2.5}));
  }
  EXPECT_EQ(receiver.next(0ns)->number, 3U);
  EXPECT_EQ(receiver.receive(0ns).value(), std::nullopt);
  const auto none = receiver.peek();
  EXPECT_FALSE(none);
  EXPECT_EQ(none.error(), nullptr) << "the time is up";
}

TEST_F(TypedNamesTest, LoanThatIsDroppedWasNever) {
  auto sender = typed::Sender<Quote>::create("quotes").value();
  auto receiver = typed::Receiver<Quote>::open("quotes").value();
  sender.loan()->number = 1;
  EXPECT_FALSE(receiver.peek());
  EXPECT_TRUE(sender.send({2, 0}).value());
  EXPECT_EQ(receiver.next(0ns)->number, 2U);
}

TEST_F(TypedNamesTest, AnEndHasOneHandleOfAKindAtATime) {
  auto sender = typed::Sender<Quote>::create("quotes").value();
  auto receiver = typed::Receiver<Quote>::open("quotes").value();
  auto first = sender.loan();
  const auto second = sender.loan();
  EXPECT_FALSE(second);
  ASSERT_NE(second.error(), nullptr);
  EXPECT_EQ(second.error()->code, ErrorCode::invalid_argument);
  EXPECT_TRUE(sender.send({1, 0}).value()) << "takes the place of what was loaned";
  EXPECT_FALSE(first.send()) << "and so that was given up";
  auto taken = receiver.next();
  const auto again = receiver.next(0ns);
  EXPECT_FALSE(again);
  ASSERT_NE(again.error(), nullptr);
  EXPECT_EQ(again.error()->code, ErrorCode::invalid_argument);
  taken.release();
  EXPECT_FALSE(taken);
  EXPECT_EQ(receiver.next(0ns).error(), nullptr);
  EXPECT_TRUE(sender.loan()) << "the first one is sent";
}

TEST_F(TypedNamesTest, RangeGoesOnUntilTheSenderCloses) {
  std::optional sender = typed::Sender<Quote>::create("quotes").value();
  auto receiver = typed::Receiver<Quote>::open("quotes").value();
  for (std::uint64_t number = 0; number < 5; ++number)
    EXPECT_TRUE(sender->send({number, 0}).value());
  std::uint64_t due = 0;
  for (const Quote& quote : receiver) {
    EXPECT_EQ(quote.number, due++);
    if (due == 5) sender.reset();
  }
  EXPECT_EQ(due, 5U);
  ASSERT_TRUE(receiver.ended_by());
  EXPECT_EQ(receiver.ended_by()->code, ErrorCode::closed);
}

TEST_F(TypedNamesTest, MessageOfAnyNumberIsASpan) {
  auto sender = typed::Sender<float[]>::create("samples").value();
  auto receiver = typed::Receiver<float[]>::open("samples").value();
  EXPECT_TRUE(sender.send(std::array{1.5F, 2.5F}).value());
  {
    auto room = sender.loan(4);
    ASSERT_EQ(room->size(), 4U);
    std::fill(room->begin(), room->end(), 7.0F);
    EXPECT_TRUE(room.send(3));
  }
  EXPECT_TRUE(sender.send({}).value());
  {
    auto room = sender.loan(2);
    std::fill(room->begin(), room->end(), 9.0F);
    EXPECT_TRUE(room.send(SIZE_MAX / sizeof(float) + 2)) << "more than was loaned is all of it";
  }
  EXPECT_THAT(*receiver.next(0ns), ::testing::ElementsAre(1.5F, 2.5F));
  EXPECT_THAT(*receiver.next(0ns), ::testing::ElementsAre(7.0F, 7.0F, 7.0F));
  EXPECT_EQ(receiver.next(0ns)->size(), 0U);
  EXPECT_THAT(*receiver.next(0ns), ::testing::ElementsAre(9.0F, 9.0F));
  for (const std::size_t count : {SIZE_MAX / 2, SIZE_MAX / sizeof(float) + 2}) {
    const auto huge = sender.loan(count, 0ns);
    ASSERT_NE(huge.error(), nullptr);
    EXPECT_EQ(huge.error()->code, ErrorCode::too_large);
  }
}

TEST_F(TypedNamesTest, MessageOfAnotherSizeIsRefusedAndGivenBack) {
  auto sender = ringbell::Sender::create("quotes", typed::Receiver<Quote>::fitted({})).value();
  auto receiver = typed::Receiver<Quote>::open("quotes").value();
  const Quote quote{1, 2};
  const std::span bytes = std::as_bytes(std::span(&quote, 1));
  EXPECT_TRUE(sender.send(bytes.first(12)).value());
  EXPECT_TRUE(sender.send(bytes).value());
  const auto wrong = receiver.receive(0ns);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(code_of(wrong), ErrorCode::corrupt);
  EXPECT_THAT(message_of(wrong), AllOf(HasSubstr("12 bytes"), HasSubstr("ringbell::Quote")));
  EXPECT_EQ(receiver.receive(0ns).value(), quote);
}

template <class End>
void expect_other_type(const Result<End>& end, const std::string& theirs, const std::string& ours) {
  ASSERT_FALSE(end);
  EXPECT_EQ(code_of(end), ErrorCode::other_ring);
  EXPECT_THAT(message_of(end), AllOf(HasSubstr(theirs), HasSubstr("not " + ours)));
}

TEST_F(TypedNamesTest, AnotherTypeIsAnErrorThatNamesBoth) {
  auto sender = typed::Sender<Quote>::create("quotes").value();
  const std::string quote = "ringbell::Quote (16 bytes, alignment 8)";
  const std::string wide = "ringbell::Wide (64 bytes, alignment 64)";
  expect_other_type(typed::Receiver<Wide>::open("quotes", 0ns), quote, wide);
  expect_other_type(typed::Receiver<Wide>::create("quotes"), quote, wide);
  expect_other_type(typed::Receiver<Renamed>::create("quotes"), quote, "market.Quote");
  auto receiver = typed::Receiver<Quote>::open("quotes", 0ns).value();
  EXPECT_TRUE(sender.send({1, 2}).value()) << "the sender never learned of the others";
  EXPECT_EQ(receiver.receive(0ns).value(), (Quote{1, 2}));

  auto queue = typed::QueueSender<Renamed>::create("queue").value();
  expect_other_type(typed::QueueReceiver<Newer>::open("queue", 0ns), "version 2",
                    "market.Quote (8 bytes, alignment 8, version 3)");
  auto server = typed::Server<Quote, Renamed>::create("service").value();
  expect_other_type(typed::Client<Quote, Newer>::open("service", 0ns), "market.Quote 8.2",
                    "ringbell::Quote -> market.Quote 8.3");
  for (const auto policy : {TopicOptions::Policy::lossy, TopicOptions::Policy::lossless}) {
    auto publisher = typed::Publisher<Quote>::create("topic", {.policy = policy}).value();
    expect_other_type(typed::Subscriber<Wide>::open("topic", TopicStart::usual, 0ns), quote, wide);
    EXPECT_TRUE(typed::Subscriber<Quote>::open("topic", TopicStart::usual, 0ns));
  }
  auto collector = typed::Collector<Quote>::create("collector").value();
  expect_other_type(typed::Contributor<float>::open("collector", 0ns), quote, "float32");
}

TEST_F(TypedNamesTest, RingOfBytesIsNoneOfAType) {
  auto sender = ringbell::Sender::create("bytes").value();
  expect_other_type(typed::Receiver<Quote>::open("bytes", 0ns), "type bytes", "ringbell::Quote");
  auto typed_sender = typed::Sender<Quote>::create("quotes").value();
  auto receiver = ringbell::Receiver::open("quotes", 0ns).value();
  EXPECT_TRUE(typed_sender.send({1, 2}).value());
  EXPECT_EQ(receiver.peek()->size(), sizeof(Quote)) << "an end of bytes takes every ring";
}

TEST_F(TypedNamesTest, DeadRingOfAnotherTypeIsReplacedAndWaitedPast) {
  {
    auto sender = typed::Sender<Renamed>::create("quotes").value();
    EXPECT_TRUE(sender.send({1}).value());
  }
  const auto early = typed::Receiver<Quote>::open("quotes", 0ns);
  ASSERT_FALSE(early);
  EXPECT_EQ(code_of(early), ErrorCode::not_found);
  auto sender = typed::Sender<Quote>::create("quotes").value();
  EXPECT_TRUE(typed::Receiver<Quote>::open("quotes", 0ns));
}

TEST(TypedTest, RegionsAndChannelsAreAskedForTheirType) {
  Channel channel = Channel::create({.payload_alignment = 8, .type = type_of<Quote>()}).value();
  Channel other = Channel::attach(channel.fds()).value();
  expect_other_type(typed::Receiver<Renamed>::open(std::move(other)), "ringbell::Quote",
                    "market.Quote");
  other = Channel::attach(channel.fds()).value();
  auto receiver = typed::Receiver<Quote>::open(std::move(other)).value();
  auto sender =
      typed::Sender<Quote>::from(ringbell::Sender::open(std::move(channel)).value()).value();
  EXPECT_TRUE(sender.send({1, 2}).value());
  EXPECT_EQ(receiver.receive(0ns).value(), (Quote{1, 2}));

  Region region = Region::create(typed::QueueSender<Quote>::fitted({}).region()).value();
  expect_other_type(typed::QueueReceiver<Renamed>::open(copy_of(region)), "ringbell::Quote",
                    "market.Quote");
  EXPECT_TRUE(typed::QueueReceiver<Quote>::open(copy_of(region)));
  Channel narrow = Channel::create({.type = type_of<Wide>()}).value();
  expect_other_type(typed::Sender<Wide>::open(std::move(narrow)), "payload_alignment 8", "64");
}

// Every message of a type of alignment 64 stands at a multiple of it.
template <class Sender, class Receiver>
void expect_aligned(Sender sender, Receiver receiver) {
  for (int i = 0; i < 10; ++i) {
    auto room = sender.loan();
    ASSERT_TRUE(room);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*room) % alignof(Wide), 0U);
    room->lanes.fill(static_cast<float>(i));
    EXPECT_TRUE(room.send());
    const auto wide = receiver.next(0ns);
    ASSERT_TRUE(wide);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*wide) % alignof(Wide), 0U);
    EXPECT_EQ(wide->lanes[15], static_cast<float>(i));
  }
}

TEST_F(TypedNamesTest, MessagesAreAlignedAsTheirTypeAsks) {
  auto sender = typed::Sender<Wide>::create("channel").value();
  expect_aligned(std::move(sender), typed::Receiver<Wide>::open("channel").value());
  auto queue = typed::QueueSender<Wide>::create("queue", {.messages = 4}).value();
  expect_aligned(std::move(queue), typed::QueueReceiver<Wide>::open("queue").value());
  auto collector = typed::Collector<Wide>::create("collector").value();
  auto contributor = typed::Contributor<Wide>::open("collector").value();
  expect_aligned(std::move(contributor), std::move(collector));
}

TEST_F(TypedNamesTest, SlotsOfTopicsAreAlignedAsAskedFor) {
  for (const std::uint32_t alignment : {8U, 16U, 32U, 64U}) {
    for (const auto policy : {TopicOptions::Policy::lossy, TopicOptions::Policy::lossless}) {
      const Region region = Region::create(TopicOptions{.policy = policy,
                                                        .messages = 4,
                                                        .message_bytes = 40,
                                                        .payload_alignment = alignment}
                                               .region())
                                .value();
      const auto slots = policy == TopicOptions::Policy::lossy ? region.lossy_memory()
                                                               : region.lossless_memory().slots;
      EXPECT_EQ((reinterpret_cast<std::uintptr_t>(slots.slots) + 16) % alignment, 0U);
      EXPECT_EQ(slots.slot_bytes % alignment, 0U);
      EXPECT_LE(slots.slots + slots.slot_count * slots.slot_bytes,
                region.base() + region.mapped_bytes());
    }
  }
}

TEST_F(TypedNamesTest, QueueGivesEachToOneReceiver) {
  auto sender = typed::QueueSender<Quote>::create("queue", {.messages = 8}).value();
  auto other = typed::QueueSender<Quote>::open("queue").value();
  auto receiver = typed::QueueReceiver<Quote>::open("queue").value();
  {
    auto dropped = sender.loan();
    ASSERT_TRUE(dropped);
  }
  EXPECT_TRUE(other.send({1, 0}).value());
  {
    const auto quote = receiver.next(0ns);
    ASSERT_TRUE(quote) << "what was dropped holds no receiver up";
    EXPECT_EQ(quote->number, 1U);
  }
  EXPECT_FALSE(receiver.peek());
  EXPECT_EQ(sender.bytes().fill(), 0U);
}

TEST_F(TypedNamesTest, CollectorSaysWhoseAMessageIs) {
  auto collector = typed::Collector<Quote>::create("collector").value();
  auto first = typed::Contributor<Quote>::open("collector").value();
  auto second = typed::Contributor<Quote>::open("collector").value();
  EXPECT_TRUE(first.try_send({first.bytes().lane(), 0}));
  EXPECT_TRUE(second.send({second.bytes().lane(), 0}).value());
  for (int i = 0; i < 2; ++i) {
    const auto quote = collector.next(0ns);
    ASSERT_TRUE(quote);
    EXPECT_EQ(quote->number, collector.lane());
  }
}

TEST_F(TypedNamesTest, TopicGivesEachMessageToEachSubscriber) {
  for (const auto policy : {TopicOptions::Policy::lossy, TopicOptions::Policy::lossless}) {
    std::optional publisher =
        typed::Publisher<Quote>::create("topic", {.policy = policy, .messages = 8}).value();
    auto first = typed::Subscriber<Quote>::open("topic", TopicStart::oldest).value();
    auto second = typed::Subscriber<Quote>::open("topic", TopicStart::oldest).value();
    EXPECT_TRUE(publisher->publish({1, 1.5}).value());
    {
      auto dropped = publisher->loan();
      dropped->number = 9;
    }
    auto loan = publisher->loan();
    EXPECT_FALSE(publisher->loan());
    *loan = {2, 2.5};
    EXPECT_TRUE(loan.publish());
    EXPECT_FALSE(loan);
    publisher.reset();
    std::vector<std::uint64_t> numbers;
    for (const Quote& quote : first) numbers.push_back(quote.number);
    EXPECT_THAT(numbers, ::testing::ElementsAre(1, 2));
    EXPECT_EQ(first.ended_by()->code, ErrorCode::closed);
    EXPECT_EQ(second.receive(0ns).value(), (Quote{1, 1.5}));
    EXPECT_EQ(second.missed(), 0U);
  }
}

TEST_F(TypedNamesTest, ServiceAnswersInItsTypes) {
  auto server = typed::Server<Quote, Renamed>::create("service").value();
  auto client = typed::Client<Quote, Renamed>::open("service").value();
  std::jthread serving([&] {
    EXPECT_EQ(
        server.serve([](const Quote& quote) { return Renamed{quote.number + 1}; }, 2, 30s).value(),
        2U);
  });
  EXPECT_EQ(client.call({41, 0}, 30s).value()->number, 42U);
  EXPECT_EQ(client.call({1, 0}, 30s).value()->number, 2U);
}

TEST_F(TypedNamesTest, RequestOfAnotherTypeIsAnsweredWithNothing) {
  auto server = typed::Server<Quote, Renamed>::create("service").value();
  auto client = ringbell::Client::open("service").value();
  std::jthread serving([&] {
    EXPECT_EQ(server.serve([](const Quote&) { return Renamed{7}; }, 1, 30s).value(), 1U);
  });
  std::array<std::byte, sizeof(Quote)> bytes{};
  EXPECT_EQ(client.call(std::span(bytes).first(5), bytes, 30s).value(), std::size_t{0});
  EXPECT_EQ(client.call(bytes, bytes, 30s).value(), sizeof(Renamed));
}

}  // namespace
}  // namespace ringbell
