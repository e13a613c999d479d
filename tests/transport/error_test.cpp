// Errors: each code has its name, an errno its code; and what is handed over to the wrong end is
// refused with what it is.
#include <cerrno>
#include <set>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using core::DoorbellKind;
using core::RingKind;
using test::copy_of;
using ::testing::HasSubstr;

TEST(ErrorTest, EachCodeHasANameOfItsOwn) {
  std::set<std::string> names;
  int codes = 0;
  while (std::string(name_of(ErrorCode(codes))) != "unknown")
    names.insert(name_of(ErrorCode(codes++)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(codes));
  EXPECT_EQ(names.count("evicted"), 1U);
  EXPECT_STREQ(name_of(ErrorCode(255)), "unknown");
}

TEST(ErrorTest, AnErrnoHasItsCodeAndIsKept) {
  const std::pair<int, ErrorCode> all[] = {
      {ENOSPC, ErrorCode::no_space},    {ENOMEM, ErrorCode::no_space},
      {EDQUOT, ErrorCode::no_space},    {EFBIG, ErrorCode::no_space},
      {EPERM, ErrorCode::permission},   {EACCES, ErrorCode::permission},
      {ENOSYS, ErrorCode::unsupported}, {EOPNOTSUPP, ErrorCode::unsupported},
      {EMFILE, ErrorCode::system},      {EINVAL, ErrorCode::system},
  };
  for (const auto& [number, code] : all) {
    errno = number;
    const Error error = fail_errno("asking failed", "ask again").value();
    EXPECT_EQ(error.code, code) << number;
    EXPECT_EQ(error.errno_value, number);
    EXPECT_THAT(error.message, HasSubstr("asking failed: "));
    EXPECT_THAT(error.message, HasSubstr("; ask again"));
  }
}

template <class T>
void expect_refused(const Result<T>& result, ErrorCode code, const std::string& says) {
  ASSERT_FALSE(result);
  EXPECT_STREQ(name_of(code_of(result)), name_of(code)) << result.error().message;
  EXPECT_THAT(message_of(result), HasSubstr(says));
}

TEST(WrongRingTest, NoChannelIsMadeOfAQueue) {
  const Region queue =
      Region::create(QueueOptions{.messages = 8, .message_bytes = 64}.region()).value();
  expect_refused(Channel::attach({.memory = queue.fd()}), ErrorCode::not_a_region,
                 "another ring than a channel's");
}

TEST(WrongRingTest, NoTopicIsMadeOfAQueueAndNoBellsOfATopic) {
  const Region queue =
      Region::create(QueueOptions{.messages = 8, .message_bytes = 64}.region()).value();
  const Topic lossy = Topic::create({.messages = 8, .message_bytes = 64}).value();
  expect_refused(Topic::attach({.memory = queue.fd()}), ErrorCode::not_a_region,
                 "another ring than a topic's");
  EXPECT_FALSE(Topic::attach({.memory = lossy.fds().memory})) << "its bells are missing";
  expect_refused(Topic::attach({.memory = lossy.fds().memory, .bells = queue.fd()}),
                 ErrorCode::not_a_region, "something else");
  EXPECT_FALSE(Topic::attach({.memory = -1}));
  EXPECT_FALSE(Topic::attach({.memory = lossy.fds().memory, .bells = 1 << 20}));
}

TEST(WrongRingTest, WhatOneMayOnlyLookAtCannotBePublished) {
  const Topic lossy = Topic::create({.messages = 8, .message_bytes = 64}).value();
  expect_refused(Publisher::open(Topic::attach(lossy.fds()).value()), ErrorCode::permission,
                 "may only look");
}

TEST(WrongRingTest, ARingOfManyHasNoEventfd) {
  RegionOptions options = QueueOptions{.messages = 8, .message_bytes = 64}.region();
  options.doorbell = DoorbellKind::eventfd;
  Result<Region> region = Region::create(options);
  if (!region) {
    expect_refused(region, ErrorCode::invalid_argument, "eventfd");
    return;
  }
  expect_refused(QueueSender::open(std::move(*region)), ErrorCode::invalid_argument,
                 "cannot ring by eventfd");
}

TEST(WrongRingTest, AnEndOfManyTakesNoOtherRing) {
  const Region queue =
      Region::create(QueueOptions{.messages = 8, .message_bytes = 64}.region()).value();
  expect_refused(Collector::open(copy_of(queue)), ErrorCode::not_a_region, "collector");
  expect_refused(Contributor::open(copy_of(queue)), ErrorCode::not_a_region, "contributor");
  expect_refused(Server::open(copy_of(queue)), ErrorCode::not_a_region, "server");
  expect_refused(Client::open(copy_of(queue)), ErrorCode::not_a_region, "client");
}

}  // namespace
}  // namespace ringbell
