// Other libraries in the comparison: each carries verified messages in every way that it has, and
// leaves nothing behind. Those that were not installed when this was built are passed over.
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/bench/compare_program.hpp"

namespace ringbell::bench {
namespace {

using testing::HasSubstr;

class Peers : public Compare, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    Compare::SetUp();
    // No such CPU: whatever it is, it ends at once.
    const Ended ended = run({"--transports", GetParam(), "--cpus=-1"});
    ASSERT_EQ(ended.status, 2);
    ASSERT_FALSE(ended.err.empty());
    lacking_ = ended.err[0].find("built without") != std::string::npos;
    if (GetParam() == std::string("iceoryx") && fs::exists("/tmp/roudi")) {
      GTEST_SKIP() << "another iox-roudi runs here: /tmp/roudi";
    }
  }
  [[nodiscard]] bool lacking() const { return lacking_; }

 private:
  bool lacking_ = false;
};

TEST_P(Peers, CarriesVerifiedMessagesCopiedAndLoanedPolledAndAsleep) {
  if (lacking()) GTEST_SKIP() << GetParam() << " was not installed when this was built";
  const std::string name = GetParam();
  const Ended ended =
      run({"--quick", "--sizes", "1024", "--transports", name, "--out", path("out")});
  EXPECT_EQ(ended.status, 0) << (ended.err.empty() ? "" : ended.err.back());
  std::map<std::string, int> rows;
  for (const std::string& line : lines_of(content_of(path("out") + "/compare.jsonl"))) {
    const nlohmann::json row = nlohmann::json::parse(line);
    if (row.value("transport", "") != name) continue;
    EXPECT_FALSE(row.contains("error")) << row;
    EXPECT_FALSE(row.value("peer_version", "").empty()) << row;
    const bool loaned = row.value("loaned", false);
    if (row.at("bench") == "throughput") {
      EXPECT_EQ(row.at("verified"), true) << row;
      EXPECT_GT(row.at("verified_messages"), 0) << row;
    }
    ++rows[row.at("bench").get<std::string>() + " " + row.at("wait").get<std::string>() +
           (loaned                     ? " loaned"
            : row.contains("checksum") ? " checksum"
                                       : "")];
  }
  const bool loans = name != "boost_queue";
  for (const std::string bench : {"round_trip", "throughput"}) {
    // Awake and asleep on one CPU and on two; asleep on two also with quick wake-ups.
    EXPECT_EQ(rows[bench + " polled"], 2);
    EXPECT_EQ(rows[bench + " blocking"], 3);
    EXPECT_EQ(rows[bench + " polled loaned"], loans ? 2 : 0);
    EXPECT_EQ(rows[bench + " blocking loaned"], loans ? 3 : 0);
  }
  EXPECT_EQ(rows["throughput polled checksum"], 2);
  EXPECT_THAT(named_leftovers(), testing::IsEmpty());
}

TEST_P(Peers, LeavesNothingHoweverTheRunEnds) {
  if (lacking()) GTEST_SKIP() << GetParam() << " was not installed when this was built";
  for (const int signal : {SIGINT, SIGKILL}) {
    start_busy(GetParam());
    const std::vector<pid_t> pids = children();
    ::kill(pid(), signal);
    EXPECT_EQ(wait_for_end().status, signal == SIGKILL ? -SIGKILL : 1);
    EXPECT_TRUE(eventually([&] { return all_gone(pids) && named_leftovers().empty(); }));
  }
}

INSTANTIATE_TEST_SUITE_P(OfEachLibrary, Peers,
                         testing::Values("zeromq", "nng", "boost_queue", "iceoryx"),
                         [](const auto& named) { return std::string(named.param); });

class WithPeers : public Compare {};

TEST_F(WithPeers, SaysWhichAreMissingAndHowToGetThem) {
  // The peers are looked at first; then there is no place for the rows, and it ends.
  const Ended ended = run({"--peers", "--out", "/dev/null/none"});
  EXPECT_EQ(ended.status, 1);
  ASSERT_FALSE(ended.err.empty());
  if (ended.err.size() == 1 && ended.err[0].find("built without") == std::string::npos) {
    GTEST_SKIP() << "all were installed when this was built";
  }
  EXPECT_THAT(ended.err[0], HasSubstr("built without "));
  EXPECT_THAT(ended.err[0], HasSubstr("./dev compare --peers"));
  EXPECT_THAT(ended.err[0], HasSubstr("apt-get install lib"));
}

}  // namespace
}  // namespace ringbell::bench
