// What is no ring of a driver's is an Error that says so. The rest needs the modules:
// tests/kernel/device_machine_test.cpp.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/open_files.hpp>
#include <tests/support/scratch_folder.hpp>

namespace ringbell {
namespace {

using ::testing::HasSubstr;

Error refused(const std::string& path) {
  const auto receiver = Receiver::open_device(path);
  EXPECT_FALSE(receiver) << path;
  return receiver ? Error{} : receiver.error();
}

TEST(DeviceChannelTest, OtherFilesAreNoRing) {
  const test::ScratchFolder folder("/tmp");
  const std::string file = folder.path() + "/file";
  ASSERT_TRUE(FileDescriptor(::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)));
  for (const std::string& path : {file, std::string("/dev/null"), std::string("/dev/zero")}) {
    EXPECT_EQ(refused(path).code, ErrorCode::not_a_region) << path;
    EXPECT_THAT(refused(path).message, HasSubstr(path));
  }
}

TEST(DeviceChannelTest, DeviceThatIsNotThereIsNotFound) {
  for (const char* const path : {"", "/dev/no/ring", "/dev/ringbell4294967295"}) {
    EXPECT_EQ(refused(path).code, ErrorCode::not_found) << path;
    EXPECT_THAT(refused(path).message, HasSubstr("load the module"));
  }
}

TEST(DeviceChannelTest, PathThatIsNoFileIsASystemsError) {
  EXPECT_EQ(refused("/dev").code, ErrorCode::system);  // a folder
}

// A pipe without a reader would hold open() up.
TEST(DeviceChannelTest, PipeDoesNotHoldItUp) {
  const test::ScratchFolder folder("/tmp");
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(refused(pipe).code, ErrorCode::not_a_region);
}

TEST(DeviceChannelTest, RefusalKeepsNoDescriptor) {
  const std::ptrdiff_t before = test::open_files();
  for (int i = 0; i < 3; ++i) (void)refused("/dev/null");
  EXPECT_EQ(test::open_files(), before);
}

}  // namespace
}  // namespace ringbell
