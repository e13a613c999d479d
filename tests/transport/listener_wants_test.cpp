// A listener that the kernel refuses something: a call, or a descriptor.
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using ::testing::IsEmpty;

class ListenerWantsTest : public ::testing::Test {
 protected:
  [[nodiscard]] FileDescriptor knock() const {
    FileDescriptor peer = unix_socket::create().value();
    EXPECT_EQ(unix_socket::connect(peer.get(), {folder.path() + "/orders.sock"}).value(),
              unix_socket::Reached::yes);
    return peer;
  }
  test::TemporaryNameFolder folder;
};

// In a child: the filter stays.
TEST_F(ListenerWantsTest, SocketOnWhichItCannotListenIsRemoved) {
  ChildProcess child = ChildProcess::fork([&] {
    if (!test::deny_system_call(__NR_listen, ENOBUFS)) return 100;
    const Result<Listener> listener = Listener::open("orders");
    return !listener && errno_of(listener) == ENOBUFS ? 0 : 1;
  });
  const std::optional<int> status = child.wait();
  if (status == 100) GTEST_SKIP() << "no filters here";
  EXPECT_EQ(status, 0);
  EXPECT_THAT(folder.files(), IsEmpty());
}

// By which a peer is turned away that there is no descriptor for.
TEST_F(ListenerWantsTest, SpareDescriptorThatWasLostIsTakenAgain) {
  Listener listener = Listener::open("orders").value();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const FileDescriptor early = knock();
  const auto limit_to = [&](rlim_t files) {
    const rlimit limit{.rlim_cur = files, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  };
  limit_to(3);  // not even the spare one comes back: as if another thread had taken its place
  EXPECT_EQ(errno_of(listener.accept(0ns)), EMFILE);
  limit_to(before.rlim_cur);
  EXPECT_FALSE(listener.accept(0ns).value());  // it is let in
  const FileDescriptor late = knock();
  std::vector<FileDescriptor> all_others;
  while (FileDescriptor one{::open("/dev/null", O_RDONLY | O_CLOEXEC)}) {
    all_others.push_back(std::move(one));
    if (all_others.size() == 2) limit_to(static_cast<rlim_t>(all_others[0].get()) + 2);
  }
  ASSERT_EQ(errno, EMFILE);
  EXPECT_EQ(errno_of(listener.accept(0ns)), EMFILE);
  limit_to(before.rlim_cur);
  EXPECT_EQ(listener.refused(), 1U);
  EXPECT_TRUE(unix_socket::is_hung_up(late.get())) << "it was told";
}

}  // namespace
}  // namespace ringbell
