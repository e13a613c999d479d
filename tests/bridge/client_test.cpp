// A connection beside a server that greets and answers pings, and says nothing else.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <ringbell/transport/base/file_descriptor.hpp>

#include "bridge/nats/client.hpp"

namespace ringbell::bridge {
namespace {

class QuietServer {
 public:
  QuietServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), generic, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener_.get(), generic, &size), 0);
    url_ = "nats://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  // REQUIRES: its client is gone.
  ~QuietServer() { thread_.join(); }
  QuietServer(const QuietServer&) = delete;
  QuietServer& operator=(const QuietServer&) = delete;

  [[nodiscard]] const std::string& url() const noexcept { return url_; }

 private:
  static void say(const FileDescriptor& peer, std::string_view text) {
    EXPECT_EQ(::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  void serve() {
    constexpr std::string_view kPing = "PING\r\n";
    const FileDescriptor peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    say(peer, "INFO {\"server_id\":\"quiet\",\"max_payload\":1048576,\"headers\":true}\r\n");
    std::string said;
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::recv(peer.get(), bytes.data(), bytes.size(), 0)) > 0;) {
      said.append(bytes.data(), static_cast<std::size_t>(got));
      for (std::size_t at = 0; (at = said.find(kPing)) != std::string::npos;) {
        said.erase(0, at + kPing.size());
        say(peer, "PONG\r\n");
      }
    }
  }

  FileDescriptor listener_;
  std::string url_;
  std::thread thread_;
};

TEST(ClientTest, EndedSubscriptionsDoNotAddUpWhileTheConnectionLasts) {
  const QuietServer server;
  {
    Server its;
    its.url = server.url();
    const Result<Connection> connection = Connection::open(its, "test");
    ASSERT_TRUE(connection) << connection.error().message;
    const Result<SubscriptionPtr> lasting = connection->subscribe("lasting");
    ASSERT_TRUE(lasting);
    for (int i = 0; i < 100; ++i) {
      const Result<SubscriptionPtr> subscription = connection->subscribe("again");
      ASSERT_TRUE(subscription) << subscription.error().message;
      EXPECT_LE(connection->subscriptions(), 2U);
    }
    EXPECT_TRUE(natsSubscription_IsValid(lasting->get()));
  }
  finish();
}

}  // namespace
}  // namespace ringbell::bridge
