// connect() that is given up by its caller: a program whose signals must end it too.
#include <chrono>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

class ConnectTest : public ::testing::TestWithParam<Place> {
 protected:
  [[nodiscard]] ConnectOptions given_up_when_asked(int times) {
    return {
        .place = GetParam(), .timeout = 5s, .give_up = [this, times] { return ++asked == times; }};
  }

  test::TemporaryNameFolder folder;
  std::string name = "test." + std::to_string(::getpid());
  int asked = 0;
};

INSTANTIATE_TEST_SUITE_P(EveryPlace, ConnectTest, ::testing::Values(Place::folder, Place::abstract),
                         [](const auto& place) {
                           return place.param == Place::folder ? "Folder" : "Abstract";
                         });

TEST_P(ConnectTest, IsGivenUpWhileThereIsNoListener) {
  const Result<Connection> connection = connect(name, given_up_when_asked(3));
  EXPECT_EQ(code_of(connection), ErrorCode::cancelled);
  EXPECT_EQ(asked, 3);
}

TEST_P(ConnectTest, IsGivenUpWhileTheListenerDoesNotAnswer) {
  const Listener listener = Listener::open(name, {.place = GetParam()}).value();
  const Result<Connection> connection = connect(name, given_up_when_asked(3));
  EXPECT_EQ(code_of(connection), ErrorCode::cancelled);
  EXPECT_EQ(asked, 3);
}

TEST_P(ConnectTest, IsNotAskedIfItNeedsNotWaitAndGoesOnIfItIsNotGivenUp) {
  EXPECT_EQ(code_of(connect(name, {.place = GetParam(),
                                   .timeout = 0s,
                                   .give_up =
                                       [this] {
                                         ++asked;
                                         return true;
                                       }})),
            ErrorCode::not_found);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(code_of(connect(name, {.place = GetParam(),
                                   .timeout = 5ms,
                                   .give_up =
                                       [this] {
                                         ++asked;
                                         return false;
                                       }})),
            ErrorCode::not_found);
  EXPECT_GT(asked, 0);
}

}  // namespace
}  // namespace ringbell
