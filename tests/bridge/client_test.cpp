// A connection beside a server that greets and answers pings, and else only what a test wants.
#include <array>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <ringbell/transport/base/file_descriptor.hpp>

#include <tests/support/failure.hpp>

#include "bridge/nats/client.hpp"

namespace ringbell::bridge {
namespace {

class QuietServer {
 public:
  // The answer to a question of this subject; empty: none.
  using Answers = std::function<std::string(std::string_view subject)>;

  explicit QuietServer(Answers answers = {})
      : answers_(std::move(answers)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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
    const FileDescriptor peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    say(peer, "INFO {\"server_id\":\"quiet\",\"max_payload\":1048576,\"headers\":true}\r\n");
    std::string said;
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::recv(peer.get(), bytes.data(), bytes.size(), 0)) > 0;) {
      said.append(bytes.data(), static_cast<std::size_t>(got));
      for (std::size_t end = 0; (end = said.find("\r\n")) != std::string::npos;) {
        hear(peer, said.substr(0, end));
        said.erase(0, end + 2);
      }
    }
  }
  // One line: SUB SUBJECT NUMBER, or PUB SUBJECT REPLY BYTES, whose payload is a line that says
  // nothing.
  void hear(const FileDescriptor& peer, const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    std::string subject;
    std::string more;
    words >> verb >> subject >> more;
    if (verb == "PING") say(peer, "PONG\r\n");
    if (verb == "SUB") subscription_ = more;
    if (verb != "PUB" || !answers_) return;
    const std::string answer = answers_(subject);
    if (answer.empty()) return;
    say(peer, "MSG " + more + " " + subscription_ + " " + std::to_string(answer.size()) + "\r\n" +
                  answer + "\r\n");
  }

  Answers answers_;
  std::string subscription_;  // the last one
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

constexpr const char* kNoSuchStream =
    R"({"error":{"code":404,"err_code":10059,"description":"stream not found"}})";
constexpr const char* kOverlaps =
    R"({"error":{"code":400,"err_code":10065,"description":"subjects overlap"}})";
constexpr const char* kHasNoStore =
    R"({"error":{"code":500,"err_code":10049,"description":"error creating store for stream"}})";
constexpr const char* kIsFull =
    R"({"error":{"code":500,"err_code":10047,"description":"insufficient storage"}})";
constexpr const char* kOfOrders =
    R"({"config":{"name":"orders","subjects":["orders"]},"created":"2026-01-01T00:00:00Z",)"
    R"("state":{"last_seq":7}})";

constexpr int kNever = 1000;

// Servers before 2.9.16 refuse the second of two that make the same stream at once. It is there
// when it was asked for so many times.
Result<StreamState> find_beside_another(int after, std::string refusal = kOverlaps) {
  int questions = 0;
  const QuietServer server([&](std::string_view subject) -> std::string {
    if (subject.find("STREAM.CREATE") != std::string_view::npos) return refusal;
    return ++questions > after ? kOfOrders : kNoSuchStream;
  });
  Pair pair;
  pair.subject = "orders";
  pair.server.url = server.url();
  Result<StreamState> found = [&]() -> Result<StreamState> {
    const Result<Connection> connection = Connection::open(pair.server, "test");
    return connection ? find_stream(*connection, pair) : tl::unexpected(connection.error());
  }();
  finish();
  return found;
}

TEST(ClientTest, StreamThatTheOtherSideMadeMeanwhileIsFound) {
  for (const char* const refusal : {kOverlaps, kHasNoStore}) {
    for (const int after : {1, 3}) {  // in a cluster not at once
      const Result<StreamState> found = find_beside_another(after, refusal);
      ASSERT_TRUE(found) << message_of(found);
      EXPECT_EQ(found->last, 7U);
    }
  }
}

TEST(ClientTest, SubjectOfAnotherStreamIsRefused) {
  const Result<StreamState> found = find_beside_another(kNever);
  ASSERT_FALSE(found);
  EXPECT_EQ(code_of(found), ErrorCode::busy);
  EXPECT_NE(message_of(found).find("belongs to another stream"), std::string::npos);
}

TEST(ClientTest, WhyAStreamIsRefusedIsSaid) {
  const Result<StreamState> found = find_beside_another(kNever, kIsFull);
  EXPECT_NE(message_of(found).find("insufficient storage"), std::string::npos) << message_of(found);
}

}  // namespace
}  // namespace ringbell::bridge
