// What a callback of a program in C++ throws comes back as a code: no exception leaves a call.
#include <cstddef>
#include <stdexcept>

#include <gtest/gtest.h>

#include <ringbell/ringbell.h>

namespace {

void throws(void* /*context*/, const void* /*bytes*/, std::size_t /*size_bytes*/) {
  throw std::runtime_error("no such order");
}

void counts(void* context, const void* /*bytes*/, std::size_t /*size_bytes*/) {
  ++*static_cast<int*>(context);
}

TEST(CallbackTest, ThatThrowsIsToldAndTheMessageStays) {
  ringbell_error error{};
  ringbell_topic* topic = nullptr;
  ringbell_topic* other = nullptr;
  ringbell_publisher* publisher = nullptr;
  ringbell_subscriber* subscriber = nullptr;
  ASSERT_EQ(ringbell_topic_create(nullptr, &topic, &error), RINGBELL_OK);
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  ASSERT_EQ(ringbell_topic_attach(&fds, &other, &error), RINGBELL_OK);
  ASSERT_EQ(ringbell_publisher_open(topic, nullptr, &publisher, &error), RINGBELL_OK);
  ASSERT_EQ(ringbell_subscriber_open(other, RINGBELL_START_OLDEST, nullptr, &subscriber, &error),
            RINGBELL_OK);
  ASSERT_EQ(ringbell_publisher_publish(publisher, "one", 3, 0, &error), RINGBELL_OK);
  int whole = 0;
  int seen = 0;
  EXPECT_EQ(ringbell_subscriber_read(subscriber, throws, nullptr, 0, &whole, &error),
            RINGBELL_SYSTEM);
  EXPECT_STREQ(error.message, "no such order");
  EXPECT_EQ(error.errno_value, 0);
  EXPECT_EQ(ringbell_subscriber_read(subscriber, counts, &seen, 0, &whole, &error), RINGBELL_OK);
  EXPECT_EQ(whole, 1);
  EXPECT_EQ(seen, 1);
  ringbell_subscriber_close(subscriber);
  ringbell_publisher_close(publisher);
}

}  // namespace
