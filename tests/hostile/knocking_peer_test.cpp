// Peers that knock at a listener without end: accept() comes back in time.
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <new>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/transport/base/unix_socket.hpp>
#include <ringbell/transport/connect/connection.hpp>
#include <ringbell/transport/connect/handshake.hpp>
#include <ringbell/transport/connect/listener.hpp>

#include <tests/hostile/walled_bytes.hpp>
#include <tests/support/child_process.hpp>

namespace ringbell::hostile {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

int knock(const unix_socket::Address& address, const std::atomic<bool>& stop) {
  const handshake::Greeting hello = handshake::greeting(handshake::Kind::hello);
  for (std::uint64_t i = 0; !stop; ++i) {
    const FileDescriptor socket = unix_socket::create().value();
    if (unix_socket::connect(socket.get(), address).value() != unix_socket::Reached::yes) continue;
    // Nonsense, or a hello that nothing follows.
    const std::size_t bytes = i % 8 == 0 ? sizeof hello : i % sizeof hello;
    (void)::send(socket.get(), &hello, bytes, MSG_NOSIGNAL);
  }
  return 0;
}

TEST(KnockingPeerTest, AcceptKeepsItsDeadline) {
  const std::string name = "knock." + std::to_string(::getpid());
  const WalledBytes memory(sizeof(std::atomic<bool>), 64, Against::left_wall);
  auto* const stop = new (memory.data()) std::atomic<bool>(false);
  Listener listener =
      Listener::open(name, {.place = Place::abstract, .channel = {.capacity_bytes = 4096}}).value();
  const unix_socket::Address address = abstract_address(::geteuid(), name);
  auto first = test::ChildProcess::fork([&] { return knock(address, *stop); });
  auto second = test::ChildProcess::fork([&] { return knock(address, *stop); });
  // A hang would end this program only at ctest's limit.
  auto accepting = std::async(std::launch::async, [&] {
    Clock::duration longest{};
    const Clock::time_point patience = Clock::now() + 20s;
    // Also until a peer has come to knock.
    for (int i = 0; i < 8 || (listener.refused() == 0 && Clock::now() < patience); ++i) {
      const Clock::time_point start = Clock::now();
      EXPECT_TRUE(listener.accept(10ms));
      longest = std::max(longest, Clock::now() - start);
    }
    return longest;
  });
  const bool came_back = accepting.wait_for(60s) == std::future_status::ready;
  EXPECT_TRUE(came_back);
  *stop = true;
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
  EXPECT_LT(accepting.get(), 15s);
  EXPECT_GT(listener.refused(), 0U);
  std::printf("%llu peers refused\n", static_cast<unsigned long long>(listener.refused()));
}

}  // namespace
}  // namespace ringbell::hostile
