// Programs that measure other libraries, in turn with ringbell: `ringbell compare --guest`.
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/harness/placement.hpp"
#include "tests/bench/compare_program.hpp"

namespace ringbell::bench {
namespace {

using Rows = std::vector<nlohmann::json>;

class CompareGuest : public Compare {
 protected:
  void SetUp() override {
    if (allowed_cpus().size() < 2) GTEST_SKIP() << "their rows are of two CPUs";
    Compare::SetUp();
  }
  // A program with this body; what `--guest` takes for it.
  [[nodiscard]] std::string guest(const std::string& name, const std::string& body) const {
    std::ofstream(path(name)) << "#!/bin/sh\n" << body << "\n";
    fs::permissions(path(name), fs::perms::owner_all);
    return name + "=" + path(name);
  }
  // The rows of one size, awake on two CPUs, copied, one by one: ringbell's and what follows each.
  Rows rows_with(const std::vector<std::string>& guests) {
    std::vector<std::string> arguments{"--quick", "--sizes", "56", "--transports", "ringbell"};
    arguments.insert(arguments.end(), {"--out", path("out"), "--file", small_file()});
    for (const std::string& one : guests) arguments.insert(arguments.end(), {"--guest", one});
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.status, 0) << (ended.err.empty() ? "" : ended.err.back());
    Rows rows;
    for (const std::string& line : lines_of(content_of(path("out") + "/compare.jsonl"))) {
      rows.push_back(nlohmann::json::parse(line));
    }
    return rows;
  }
  static Rows of(const Rows& rows, const std::string& transport) {
    Rows found;
    for (const nlohmann::json& row : rows) {
      if (row.value("transport", "") == transport) found.push_back(row);
    }
    return found;
  }
};

TEST_F(CompareGuest, IsMeasuredRightAfterRingbell) {
  const Rows rows = rows_with({guest("gull", R"(case $1 in
    round_trip) echo '{"p50_ns": 7.0, "peer_version": "1", "transport": "crow", "batch": 9}';;
    throughput) echo "{\"messages_per_s\": $2$3$4, \"verified\": true}";;
    esac)")});
  const Rows gulls = of(rows, "gull");
  ASSERT_EQ(gulls.size(), 2U) << "a round trip and one way";
  EXPECT_TRUE(of(rows, "crow").empty()) << "it does not say whose row it is";
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].value("transport", "") != "gull") continue;
    const nlohmann::json& ours = rows[i - 1];
    EXPECT_EQ(ours["transport"], "ringbell");
    EXPECT_EQ(ours["wait"], "spin");
    EXPECT_FALSE(ours.contains("loaned") || ours.contains("batch"));
    EXPECT_EQ(rows[i]["bench"], ours["bench"]);
    EXPECT_EQ(rows[i]["wait"], "polled");
    EXPECT_EQ(rows[i]["placement"], "two_cpus");
    EXPECT_FALSE(rows[i].contains("batch")) << "it does not say which row it is either";
    EXPECT_EQ(rows[i]["message_bytes"], 56);
    EXPECT_GT(rows[i]["line_ns_before"], 0);
    EXPECT_GT(rows[i]["line_ns_after"], 0);
    const std::string cpus =
        fmt::format("56{}{}", rows[0]["cpus"][0].get<int>(), rows[0]["cpus"][1].get<int>());
    if (ours["bench"] == "throughput") {
      EXPECT_EQ(rows[i]["messages_per_s"], std::stoi(cpus)) << "the size and the CPUs";
    } else {
      EXPECT_EQ(rows[i]["p50_ns"], 7);
      EXPECT_EQ(rows[i]["peer_version"], "1");
    }
  }
}

TEST_F(CompareGuest, HasNoRowWhereItHasNoSuchPoint) {
  EXPECT_TRUE(of(rows_with({guest("mute", "touch " + path("asked"))}), "mute").empty());
  EXPECT_TRUE(fs::exists(path("asked")));
}

TEST_F(CompareGuest, ThatFailsOrPrintsSomethingElseLeavesARowThatSaysSo) {
  const Rows rows = rows_with({guest("dead", "exit 1"), guest("vague", "echo fast"),
                               guest("odd", R"(echo '{"p50_ns": "7"}')")});
  for (const char* name : {"dead", "vague", "odd"}) {
    const Rows own = of(rows, name);
    ASSERT_EQ(own.size(), 2U) << name;
    for (const nlohmann::json& row : own) {
      EXPECT_THAT(row.value("error", ""), testing::HasSubstr(path(name)));
    }
  }
}

TEST_F(CompareGuest, TellsOnStderrWhatItLacks) {
  const Ended ended =
      run({"--quick", "--sizes", "56", "--transports", "ringbell", "--out", path("out"), "--file",
           small_file(), "--guest", guest("dry", "echo no fuel >&2; exit 1")});
  EXPECT_THAT(ended.err, testing::Contains(testing::HasSubstr("no fuel")));
}

TEST_F(CompareGuest, ThatReceivedSomethingElseFailsTheRun) {
  const Ended ended =
      run({"--quick", "--sizes", "56", "--transports", "ringbell", "--out", path("out"), "--file",
           small_file(), "--guest",
           guest("wrong", R"(echo '{"p50_ns": 1, "messages_per_s": 1, "verified": false}')")});
  EXPECT_EQ(ended.status, 1);
  ASSERT_FALSE(ended.err.empty());
  EXPECT_THAT(ended.err.back(), testing::HasSubstr("received something else"));
}

TEST_F(CompareGuest, ThatCannotBeIsRefused) {
  using Words = std::vector<std::string>;
  for (const Words& words :
       {Words{"gull"}, Words{"=gull"}, Words{"gull="}, Words{"pipe=gull"}, Words{"gull=a,gull=b"},
        Words{"gull=a", "--backings"}, Words{"gull=a", "--transports", "pipe"}}) {
    std::vector<std::string> arguments{"--guest"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.status, 2) << words.front();
    ASSERT_EQ(ended.err.size(), 1U);
    EXPECT_THAT(ended.err[0], testing::HasSubstr("--guest"));
  }
}

}  // namespace
}  // namespace ringbell::bench
