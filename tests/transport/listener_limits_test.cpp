// What guests that never finish their handshake can take from a listener: descriptors, memory and
// time.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/connect/handshake.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>
#include <tests/support/other_user.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using handshake::Greeting;
using handshake::Kind;
using test::ChildProcess;
using test::Signal;

constexpr Timeout kPatience = 20s;
constexpr std::size_t kMostWelcomed = 16;
constexpr int kGood = 20;  // peers that mean well

// Says hello and never reads what is said to it.
FileDescriptor silent_guest(const unix_socket::Address& address) {
  FileDescriptor socket = unix_socket::create().value();
  if (unix_socket::connect(socket.get(), address) != unix_socket::Reached::yes) return {};
  (void)handshake::send(socket.get(), handshake::greeting(Kind::hello));
  return socket;
}

std::size_t count_welcomed(const std::vector<FileDescriptor>& guests) {
  std::size_t count = 0;
  for (const FileDescriptor& guest : guests) {
    count += unix_socket::wait_readable(guest.get(), 0ns) ? 1U : 0U;
  }
  return count;
}

class ListenerLimitsTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<FileDescriptor> silent_guests(std::size_t count) const {
    std::vector<FileDescriptor> guests;
    while (guests.size() < count) {
      guests.push_back(silent_guest({folder_.path() + "/orders.sock"}));
    }
    return guests;
  }
  // Until nothing more happens.
  static void hear_all(Listener& listener) {
    for (int i = 0; i < 50; ++i) EXPECT_FALSE(listener.accept(1ms).value());
  }
  test::TemporaryNameFolder folder_;
};

TEST_F(ListenerLimitsTest, SoManyOfAUserHaveMemoryAndTheOthersWaitTheirTurn) {
  Listener listener = Listener::open("orders", {.handshake_timeout = 1h}).value();
  std::vector<FileDescriptor> guests = silent_guests(40);
  hear_all(listener);
  EXPECT_EQ(count_welcomed(guests), kMostWelcomed);
  EXPECT_EQ(listener.refused(), 0U);
  // Those that go make room.
  guests.erase(guests.begin(), guests.begin() + kMostWelcomed);
  hear_all(listener);
  EXPECT_EQ(count_welcomed(guests), kMostWelcomed);
}

// What the first message to a guest brought with it.
std::vector<FileDescriptor> descriptors_for(const FileDescriptor& guest) {
  std::array<std::byte, sizeof(Greeting)> bytes{};
  auto said = unix_socket::receive(guest.get(), bytes, handshake::kMostDescriptors);
  EXPECT_TRUE(said && *said) << "each is told something";
  return said && *said ? std::move((*said)->descriptors) : std::vector<FileDescriptor>();
}

// What the peer has not read keeps its descriptors alive, and that is all.
TEST_F(ListenerLimitsTest, MemoryOfAGuestThatIsDroppedIsGivenBack) {
  std::optional<Listener> listener;
  std::vector<FileDescriptor> files;
  // On a busy machine a guest's time may be over before it is welcomed: with more it is not.
  for (Timeout timeout = 20ms; files.size() < 8; timeout *= 4) {
    ASSERT_LT(timeout, kPatience) << files.size();
    listener.reset();
    listener.emplace(Listener::open("orders", {.handshake_timeout = timeout}).value());
    const std::vector<FileDescriptor> guests = silent_guests(4);
    while (listener->refused() < guests.size()) ASSERT_FALSE(listener->accept(5ms).value());
    files.clear();
    for (const FileDescriptor& guest : guests) {
      for (FileDescriptor& file : descriptors_for(guest)) {
        struct stat status {};
        ASSERT_EQ(::fstat(file.get(), &status), 0);
        if (status.st_size >= 4096) files.push_back(std::move(file));  // others are bells
      }
    }
  }
  EXPECT_EQ(files.size(), 8U) << "two of each";
  for (const FileDescriptor& file : files) {
    struct stat status {};
    ASSERT_EQ(::fstat(file.get(), &status), 0);
    EXPECT_GE(status.st_size, 256 * 1024);
    EXPECT_LE(status.st_blocks * 512, 8 * 4096);  // an end that closes says so
  }
}

// The kernel counts descriptors that are under way to a process that does not read them.
TEST_F(ListenerLimitsTest, WelcomesThatAreNotReadAreBoundedAlsoWhenTheirGuestsWereDropped) {
  Listener listener = Listener::open("orders", {.handshake_timeout = 100ms}).value();
  std::vector<FileDescriptor> guests = silent_guests(40);
  while (listener.refused() < guests.size()) ASSERT_FALSE(listener.accept(5ms).value());
  std::vector<FileDescriptor> more = silent_guests(10);
  while (listener.refused() < guests.size() + more.size()) {
    ASSERT_FALSE(listener.accept(5ms).value());
  }
  EXPECT_EQ(listener.last_refusal()->code, ErrorCode::no_place);
  std::size_t with_descriptors = 0;
  for (const std::vector<FileDescriptor>* const some : {&guests, &more}) {
    for (const FileDescriptor& guest : *some) {
      with_descriptors += descriptors_for(guest).empty() ? 0U : 1U;
    }
  }
  EXPECT_EQ(with_descriptors, kMostWelcomed);
  // Read, or hung up: there is room again.
  guests.clear();
  // On a busy machine a good peer may be too late as well, and comes again.
  auto connecting = std::async(std::launch::async, [] {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      Result<Connection> made = connect("orders", {.timeout = kPatience});
      if (made || std::chrono::steady_clock::now() > end) return made;
    }
  });
  EXPECT_TRUE(listener.accept(kPatience).value());
  EXPECT_TRUE(connecting.get());
}

TEST_F(ListenerLimitsTest, DroppedGuestsThatHangUpLeaveNoDescriptor) {
  Listener listener = Listener::open("orders", {.handshake_timeout = 20ms}).value();
  const std::ptrdiff_t before = test::open_files();
  {
    const std::vector<FileDescriptor> guests = silent_guests(20);
    while (listener.refused() < guests.size()) ASSERT_FALSE(listener.accept(5ms).value());
  }
  hear_all(listener);
  EXPECT_EQ(test::open_files(), before);
}

// What this process has of memory, pages of memfds that it maps included.
std::uint64_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib;
  }
  return 0;
}

using Milliseconds = std::chrono::duration<double, std::milli>;

// How long a peer that means well takes to get in. `each` is called now and then.
template <class Each>
Milliseconds time_of_good_peer(Listener& listener, const std::string& name, Each&& each) {
  const auto start = std::chrono::steady_clock::now();
  auto connecting = std::async(std::launch::async, [&] {
    return connect(name, {.place = Place::abstract, .timeout = kPatience});
  });
  std::optional<Connection> connection;
  for (int tries = 0; tries < 10000 && !connection; ++tries) {
    connection = std::move(listener.accept(2ms).value());
    each();
  }
  EXPECT_TRUE(connection);
  EXPECT_TRUE(connecting.get());
  return std::chrono::steady_clock::now() - start;
}

// A flood by another user, which the listener lets in. RINGBELL_FLOOD says how many. A good peer is
// in after 100 ms, or, where the machine is busy, after a few times what one takes beside it at a
// listener that is left alone; both times are printed (docs/containers.md).
TEST_F(ListenerLimitsTest, FloodByAnotherUserDoesNotKeepAGoodPeerOut) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const char* const given = std::getenv("RINGBELL_FLOOD");
  const std::size_t flood = given != nullptr ? std::stoul(given) : 10'000;
  constexpr Milliseconds kPromise = 100ms;
  constexpr double kTimesAlone = 20;
  constexpr std::uint64_t kMostKib = 16 * 1024;  // channels of those that are welcomed at a time
  const std::string name = "flood." + std::to_string(::getpid());
  const std::string calm_name = "calm." + std::to_string(::getpid());
  const ListenerOptions options{
      .place = Place::abstract, .also_allowed = {test::kOtherUser}, .handshake_timeout = kPatience};
  Listener listener = Listener::open(name, options).value();
  Listener left_alone = Listener::open(calm_name, options).value();
  Signal flooded;
  Signal end;
  ChildProcess child = ChildProcess::fork([&] {
    const rlimit many{.rlim_cur = flood + 100, .rlim_max = flood + 100};
    if (::setrlimit(RLIMIT_NOFILE, &many) != 0 || !test::become_other_user()) return 1;
    std::vector<FileDescriptor> guests;
    while (guests.size() < flood) {  // those that find no room at the door try again
      FileDescriptor guest = silent_guest(abstract_address(0, name));
      guest ? guests.push_back(std::move(guest)) : static_cast<void>(::usleep(1000));
    }
    flooded.tell();
    (void)end.wait();
    return 0;
  });
  std::ptrdiff_t most_files = 0;
  std::uint64_t most_kib = 0;
  const auto count = [&] {
    most_files = std::max(most_files, test::open_files());
    most_kib = std::max(most_kib, resident_kib());
  };
  const auto nothing = [] {};
  Milliseconds longest_alone = time_of_good_peer(left_alone, calm_name, nothing);
  const std::uint64_t kib_before = resident_kib();
  bool is_flooded = false;
  Milliseconds longest{};
  for (int good = 0; good < kGood || !is_flooded; ++good) {
    is_flooded = is_flooded || flooded.wait(0ms);
    longest = std::max(longest, time_of_good_peer(listener, name, count));
    longest_alone = std::max(longest_alone, time_of_good_peer(left_alone, calm_name, nothing));
  }
  std::printf(
      "%zu guests: a good peer was in after %.1f ms at most, without them %.1f; "
      "%zu files, %llu KiB more\n",
      flood, longest.count(), longest_alone.count(), static_cast<std::size_t>(most_files),
      static_cast<unsigned long long>(most_kib - kib_before));
  EXPECT_LT(longest, std::max(kPromise, kTimesAlone * longest_alone));
  EXPECT_LT(most_files, 500);
  EXPECT_LT(most_kib, kib_before + kMostKib);
  end.tell();
  EXPECT_EQ(child.wait(), 0);
}

// No user has too many, but all of them together have.
TEST_F(ListenerLimitsTest, GuestsOfAllUsersTogetherHaveALimitToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  constexpr uid_t kUsers = 5;
  constexpr std::size_t kGuestsOfEach = 60;
  constexpr std::uint64_t kTooMany = kUsers * kGuestsOfEach - 256;
  const std::string name = "crowd." + std::to_string(::getpid());
  std::vector<uid_t> users;
  for (uid_t user = 0; user < kUsers; ++user) users.push_back(test::kOtherUser - user);
  Listener listener =
      Listener::open(name,
                     {.place = Place::abstract, .also_allowed = users, .handshake_timeout = 60s})
          .value();
  Signal end;
  std::vector<ChildProcess> children;
  for (const uid_t user : users) {
    children.push_back(ChildProcess::fork([&] {
      if (::setresuid(user, user, user) != 0) return 1;
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // forgotten with the old user
      std::vector<FileDescriptor> guests;
      while (guests.size() < kGuestsOfEach) {  // which never say what they are
        FileDescriptor guest = unix_socket::create().value();
        const auto reached = unix_socket::connect(guest.get(), abstract_address(0, name));
        if (reached == unix_socket::Reached::yes) {
          guests.push_back(std::move(guest));
        } else {
          ::usleep(1000);
        }
      }
      return end.wait() ? 0 : 2;
    }));
  }
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  while (listener.refused() < kTooMany && std::chrono::steady_clock::now() < patience) {
    ASSERT_FALSE(listener.accept(5ms).value());
  }
  hear_all(listener);
  EXPECT_EQ(listener.refused(), kTooMany);
  EXPECT_EQ(listener.last_refusal().value().code, ErrorCode::no_place);
  for (std::size_t i = 0; i < children.size(); ++i) end.tell();
  for (ChildProcess& child : children) EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace ringbell
