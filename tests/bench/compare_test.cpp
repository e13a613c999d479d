// The comparison as a person runs it: the built program, its exit status, what it prints and
// writes, and what it leaves behind however it ends.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "tests/bench/compare_program.hpp"

namespace ringbell::bench {
namespace {

using testing::HasSubstr;

void expect_usage_error(int status, const std::vector<std::string>& err, const std::string& said) {
  EXPECT_EQ(status, 2);
  ASSERT_EQ(err.size(), 1U);
  EXPECT_THAT(err[0], HasSubstr(said));
}

TEST_F(Compare, RefusesAnUnknownOption) {
  const Ended ended = run({"--fast"});
  expect_usage_error(ended.status, ended.err, "--fast");
}

TEST_F(Compare, RefusesAStrayWord) {
  const Ended ended = run({"measure"});
  expect_usage_error(ended.status, ended.err, "measure");
}

TEST_F(Compare, RefusesAnUnknownTransportAndNamesTheKnown) {
  const Ended ended = run({"--transports", "pipe,pigeon"});
  expect_usage_error(ended.status, ended.err, "'pigeon'; there are ringbell, ringbell_mpmc,");
}

TEST_F(Compare, RefusesAnUnknownSizeAndNamesTheKnown) {
  for (const char* size : {"9", "-8", "8x", "99999999999999999999"}) {
    const Ended ended = run({std::string("--sizes=") + size});
    expect_usage_error(ended.status, ended.err, "8, 56, 256, 1024, 4096, 65536, 1048576");
  }
}

TEST_F(Compare, RefusesQuickAndFullTogether) {
  const Ended ended = run({"--quick", "--full"});
  expect_usage_error(ended.status, ended.err, "--quick");
}

TEST_F(Compare, RefusesAnEmptyPath) {
  for (const char* option : {"--file", "--json", "--out"}) {
    const Ended ended = run({option, ""});
    expect_usage_error(ended.status, ended.err, option);
  }
}

TEST_F(Compare, RefusesCpusThatItMayNotUse) {
  const Ended ended = run({"--cpus", "0,100000"});
  expect_usage_error(ended.status, ended.err, "--cpus");
}

TEST_F(Compare, EndsWithOneLineForAFileThatCannotBeCopied) {
  std::ofstream(path("empty")).close();
  std::vector<std::string> files{path("missing"), path("empty"), path(".")};
  if (::geteuid() != 0) {
    std::ofstream(path("secret")) << "x";
    fs::permissions(path("secret"), fs::perms::none);
    files.push_back(path("secret"));
  }
  for (const std::string& file : files) {
    const Ended ended = run({"--quick", "--file", file, "--out", path("out")});
    EXPECT_EQ(ended.status, 1);
    ASSERT_EQ(ended.err.size(), 1U) << file;
    EXPECT_THAT(ended.err[0], HasSubstr(file));
  }
}

TEST_F(Compare, SaysAtOnceThatThereIsNoRoomForTheCopy) {
  std::ofstream(path("huge")) << "x";
  std::error_code refused;
  fs::resize_file(path("huge"), std::uintmax_t{8} << 40U, refused);  // sparse
  if (refused) GTEST_SKIP() << "this file system has no such large files";
  const Ended ended = run({"--quick", "--file", path("huge"), "--out", path("out")});
  EXPECT_EQ(ended.status, 1);
  ASSERT_EQ(ended.err.size(), 1U);
  EXPECT_THAT(ended.err[0], HasSubstr("reserving"));
  EXPECT_FALSE(fs::exists(path("out") + "/compare.jsonl"));
}

TEST_F(Compare, WritesRowsWithThePromisedFields) {
  const Ended ended = run({"--quick", "--sizes", "56", "--transports", "ringbell,pipe", "--out",
                           path("out"), "--file", small_file()});
  EXPECT_EQ(ended.status, 0) << (ended.err.empty() ? "" : ended.err.back());
  EXPECT_THAT(ended.out, HasSubstr("best of the others"));
  EXPECT_THAT(ended.out, HasSubstr("round trip, two CPUs, awake, 56 B"));

  std::vector<nlohmann::json> rows;
  for (const std::string& line : lines_of(content_of(path("out") + "/compare.jsonl"))) {
    rows.push_back(nlohmann::json::parse(line));
  }
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows[0]["bench"], "meta");
  const std::map<std::string, std::vector<std::string>> promised{
      {"meta",
       {"commit", "dirty", "cpu", "kernel", "compiler", "flags", "date", "cpus", "mode", "seed",
        "clock_step_ns", "doctor", "has_end"}},
      {"end", {"complete"}},
      {"round_trip",
       {"transport", "wait", "placement", "message_bytes", "samples", "mean_ns", "p50_ns", "max_ns",
        "buckets", "cpu_ns_per_message", "switches_per_message"}},
      {"throughput",
       {"transport", "wait", "placement", "message_bytes", "messages_per_s", "bytes_per_s",
        "verified"}},
      {"open_loop",
       {"transport", "wait", "placement", "message_bytes", "load", "capacity_per_s",
        "rate_intended_per_s", "rate_achieved_per_s", "samples", "p50_ns", "verified"}},
      {"file_copy",
       {"transport", "wait", "file_bytes", "kernel_copied_bytes", "copies_per_byte", "seconds",
        "sha256_match"}},
      {"floor", {"name", "p50_ns"}}};
  std::set<std::string> seen;
  std::set<int> hiccups;
  for (const nlohmann::json& row : rows) {
    const std::string bench = row.at("bench");
    seen.insert(bench);
    if (row.contains("error")) continue;
    for (const std::string& field : promised.at(bench)) EXPECT_TRUE(row.contains(field)) << row;
    if (row.value("name", "") == "hiccups") hiccups.insert(row.at("cpu").get<int>());
    for (const char* const field : {"line_ns_before", "line_ns_after"}) {
      EXPECT_EQ(row.contains(field), row.value("placement", "") == "two_cpus") << row;
    }
    if (bench != "round_trip" && bench != "throughput") continue;
    const std::string wait = row["wait"];
    EXPECT_EQ(row.contains("quick_wake"), wait != "spin" && wait != "polled") << row;
    EXPECT_EQ(row.value("verified", bench == "round_trip"), true) << row;
    EXPECT_EQ(row["message_bytes"], 56) << row;
    EXPECT_EQ(row.value("limit_per_s", 0.0) > 0,
              bench == "throughput" && row["transport"] == "ringbell" && wait == "spin" &&
                  row["placement"] == "two_cpus" && !row.value("loaned", false) &&
                  !row.value("checksum", false) && row.value("batch", 1) == 1)
        << row;
  }
  EXPECT_EQ(seen.size(), promised.size());
  EXPECT_EQ(hiccups.size(), rows[0]["cpus"].size());
  EXPECT_EQ(rows.back()["bench"], "end");
  EXPECT_EQ(rows.back()["complete"], true);
  EXPECT_GE(rows.back()["steal_share"], 0);
  EXPECT_LE(rows.back()["steal_share"], 1);
  EXPECT_TRUE(fs::exists(path("out") + "/hgrm/round_trip-pipe-polled-two_cpus-56B.hgrm") ||
              !fs::exists("/usr/bin/python3"));
}

TEST_F(Compare, EveryRingCarriesVerifiedMessages) {
  const std::string rings =
      "ringbell_mpmc,ringbell_fan_in,ringbell_broadcast,ringbell_lossy,ringbell_call";
  const Ended ended =
      run({"--quick", "--sizes", "8,1024,65536", "--transports", rings, "--out", path("out")});
  EXPECT_EQ(ended.status, 0) << (ended.err.empty() ? "" : ended.err.back());
  std::size_t round_trips = 0;
  std::size_t streams = 0;
  for (const std::string& line : lines_of(content_of(path("out") + "/compare.jsonl"))) {
    const nlohmann::json row = nlohmann::json::parse(line);
    if (!row.contains("transport")) continue;
    EXPECT_FALSE(row.contains("error")) << row;
    EXPECT_EQ(row.at("wait"), "spin") << row;
    if (row.at("bench") == "round_trip") {
      ++round_trips;
      EXPECT_EQ(row.contains("floor_p50_ns"), row.at("message_bytes") == 8) << row;
    } else {
      ++streams;
      EXPECT_EQ(row.at("verified"), true) << row;
      EXPECT_GT(row.at("verified_messages"), 0) << row;
    }
  }
  EXPECT_EQ(round_trips, 5U * 3U);
  EXPECT_EQ(streams, 3U * (3U + 1U));  // each size, and the checksum at 1024; three of the rings
}

TEST_F(Compare, EachBackingIsTouchedAndCarriesVerifiedMessages) {
  const Ended ended = run({"--backings", "--quick", "--sizes", "56", "--out", path("out")});
  EXPECT_EQ(ended.status, 0) << (ended.err.empty() ? "" : ended.err.back());
  std::map<std::string, int> rows;
  for (const std::string& line : lines_of(content_of(path("out") + "/backings.jsonl"))) {
    const nlohmann::json row = nlohmann::json::parse(line);
    if (row.at("bench") == "meta" || row.at("bench") == "end") continue;
    if (row.at("huge_pages") == "require" && row.contains("error")) continue;  // none are reserved
    EXPECT_FALSE(row.contains("error")) << row;
    EXPECT_GE(row.at("page_bytes"), 4096) << row;
    EXPECT_TRUE(row.at("bench") != "throughput" || row.at("verified") == true) << row;
    if (row.at("huge_pages") == "never") ++rows[row.at("backing").get<std::string>()];
  }
  for (const char* const backing : {"memfd", "posix_shm", "file", "system_v", "anonymous"}) {
    EXPECT_EQ(rows[backing], 3) << backing;  // first touch, round trip, one way
  }
  EXPECT_THAT(ended.out, HasSubstr("first touch"));
}

TEST_F(Compare, CtrlCLeavesNothing) {
  const std::set<std::string> before = sysv_queues();
  start_busy("sysv_mq");
  ASSERT_TRUE(eventually([&] { return sysv_queues() != before; }));
  const std::vector<pid_t> pids = children();
  ::kill(pid(), SIGINT);
  const Ended ended = wait_for_end();
  EXPECT_EQ(ended.status, 1);
  ASSERT_FALSE(ended.err.empty());
  EXPECT_THAT(ended.err.back(), HasSubstr("interrupted by SIGINT"));
  // Each line can be read, and the last one says that there should be more.
  nlohmann::json last;
  for (const std::string& line : lines_of(content_of(path("out") + "/compare.jsonl"))) {
    last = nlohmann::json::parse(line);
  }
  EXPECT_EQ(last.at("bench"), "end");
  EXPECT_EQ(last.at("complete"), false);
  EXPECT_THAT(last.at("why").get<std::string>(), HasSubstr("interrupted by SIGINT"));
  EXPECT_TRUE(all_gone(pids));
  EXPECT_EQ(sysv_queues(), before);
  EXPECT_THAT(named_leftovers(), testing::IsEmpty());
}

TEST_F(Compare, AKilledChildEndsTheRunAndLeavesNothing) {
  for (const std::size_t victim : {0U, 1U}) {
    start_busy("pipe");
    std::vector<pid_t> pids;
    ASSERT_TRUE(eventually([&] {
      pids = children();
      return pids.size() == 2 && stopped(pids[victim]);
    }));
    ::kill(pids[victim], SIGKILL);
    const Ended ended = wait_for_end();
    EXPECT_EQ(ended.status, 1);
    ASSERT_FALSE(ended.err.empty());
    EXPECT_THAT(ended.err.back(), HasSubstr("killed by SIGKILL"));
    EXPECT_TRUE(all_gone(pids));
    EXPECT_THAT(named_leftovers(), testing::IsEmpty());
  }
}

TEST_F(Compare, KilledItselfLeavesNothing) {
  for (const char* transport : {"sysv_mq", "posix_mq"}) {
    const std::set<std::string> before = sysv_queues();
    start_busy(transport);
    const std::vector<pid_t> pids = children();
    ::kill(pid(), SIGKILL);
    EXPECT_EQ(wait_for_end().status, -SIGKILL);
    EXPECT_TRUE(eventually([&] { return all_gone(pids) && sysv_queues() == before; }));
    EXPECT_THAT(named_leftovers(), testing::IsEmpty());
  }
}

TEST_F(Compare, AQueueIsRemovedThoughItsGuardianIsKilled) {
  const std::set<std::string> before = sysv_queues();
  start_busy("sysv_mq");
  ASSERT_TRUE(eventually([&] { return sysv_queues().size() >= before.size() + 2; }));
  for (const pid_t child : children()) {
    if (::getsid(child) == child) ::kill(child, SIGKILL);  // a guardian leads a session of its own
  }
  ::kill(pid(), SIGTERM);
  EXPECT_EQ(wait_for_end().status, 1);
  EXPECT_EQ(sysv_queues(), before);
}

}  // namespace
}  // namespace ringbell::bench
