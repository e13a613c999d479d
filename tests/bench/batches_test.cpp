// Batches: of a byte stream several messages in one write, and all that came in one read; of a
// socket that keeps borders by sendmmsg and recvmmsg.
#include <chrono>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/compare/plan.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

Point batched(const std::string& transport, Wait wait) {
  Point point;
  point.bench = Bench::throughput;
  point.transport = transport;
  point.wait = wait;
  point.placement = Placement::one_cpu;
  point.message_bytes = 56;
  point.batch = 16;
  point.duration = std::chrono::milliseconds(20);
  return point;
}

TEST(Batches, EveryStreamAndSocketCarriesThemVerified) {
  for (const char* const transport : {"pipe", "pipe_1m", "unix_stream", "unix_seqpacket", "tcp"}) {
    for (const Wait wait : {Wait::polled, Wait::blocking}) {
      Row row;
      const Result<void> measured = measure(batched(transport, wait), choose_cpus(), row);
      ASSERT_TRUE(measured) << transport << ": " << measured.error().message;
      EXPECT_EQ(row["verified"], true) << transport;
      EXPECT_GE(row["verified_messages"], row["messages"]) << row;
    }
  }
}

TEST(Batches, ArePlannedForRingbellAndForEveryStreamAndSocket) {
  for (const TransportEntry& transport : transports()) {
    int planned = 0;
    for (const Point& point : plan({.mode = Mode::full, .sizes = {}, .transports = {}}, 0)) {
      planned += point.transport == transport.name && point.batch > 1 ? 1 : 0;
    }
    // 8 and 56 bytes, on one CPU and on two.
    EXPECT_EQ(planned, transport.batches ? 4 : 0) << transport.name;
  }
  EXPECT_TRUE(find_transport("ringbell")->batches);
  EXPECT_TRUE(find_transport("pipe")->batches);
  EXPECT_TRUE(find_transport("unix_seqpacket")->batches);
  EXPECT_FALSE(find_transport("posix_mq")->batches);
}

TEST(Batches, SocketsHaveBuffersAsLargeAsTheRing) {
  for (const char* const transport : {"unix_stream", "tcp"}) {
    Row row;
    ASSERT_TRUE(measure(batched(transport, Wait::polled), choose_cpus(), row));
    EXPECT_GT(row["buffer_bytes"], 0) << transport;
  }
}

}  // namespace
}  // namespace ringbell::bench
