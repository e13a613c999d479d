// What the command does with a driver's ring.
#include <array>
#include <cstdio>
#include <memory>

#include <gmock/gmock.h>

#include <tests/kernel/kernel_peer.hpp>

namespace ringbell {
namespace {

using ::testing::HasSubstr;

class KernelCommandTest : public test::KernelPeerTest {
 protected:
  void SetUp() override {
    if (!test::modules_folder().empty() && ::access("./ringbell", X_OK) != 0) {
      FAIL() << "the command stands beside this program, in the machine of ./dev vm kernel";
    }
    KernelPeerTest::SetUp();
  }
  [[nodiscard]] std::string counter_parameters() const override { return "devices=2"; }

  struct Ended {
    int status;
    std::string out;
  };
  // Standard error too.
  [[nodiscard]] static Ended run(const std::string& arguments) {
    const std::string line = "timeout 60 ./ringbell " + arguments + " 2>&1";
    std::FILE* const pipe = ::popen(line.c_str(), "re");
    Ended ended{-1, {}};
    std::array<char, 4096> part{};
    for (std::size_t got = 0; (got = std::fread(part.data(), 1, part.size(), pipe)) > 0;) {
      ended.out.append(part.data(), got);
    }
    const int status = ::pclose(pipe);
    ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ended;
  }
};

TEST_F(KernelCommandTest, RecvWritesTheKernelsMessages) {
  const Ended ended = run("recv --device /dev/ringbell0 --messages --count 500");
  EXPECT_EQ(ended.status, 0);
  std::size_t at = 0;
  std::uint64_t number = 0;
  for (; at + 4 <= ended.out.size(); ++number) {  // each with its length in front
    std::uint32_t size = 0;
    std::memcpy(&size, ended.out.data() + at, sizeof size);
    ASSERT_LE(at + 4 + size, ended.out.size());
    ASSERT_TRUE(test::is_count(std::as_bytes(std::span(ended.out.data() + at + 4, size)), number));
    at += 4 + size;
  }
  EXPECT_EQ(at, ended.out.size());
  EXPECT_EQ(number, 500U);
}

TEST_F(KernelCommandTest, RecvSaysWhyItCannot) {
  EXPECT_THAT(run("recv --device /dev/ringbell1").out, HasSubstr("a living reader already"));
  EXPECT_THAT(run("recv --device /dev/null").out, HasSubstr("not the device of a ring"));
  EXPECT_THAT(run("recv --device /dev/ringbell9").out, HasSubstr("no such device"));
  EXPECT_EQ(run("recv").status, 2);
  EXPECT_EQ(run("recv --device /dev/ringbell0 name").status, 2);
}

TEST_F(KernelCommandTest, InspectLooksIntoADriversRing) {
  {
    Receiver receiver = Receiver::open_device("/dev/ringbell0").value();
    ASSERT_EQ(test::receive_counts(receiver, 1'000), 1'000U);
    const Ended ended = run("inspect --json /dev/ringbell0");
    ASSERT_EQ(ended.status, 0) << ended.out;
    const std::string own = std::to_string(::getpid());
    for (const std::string& told :
         {std::string(R"("backing": "device")"), std::string(R"("kind": "channel")"),
          std::string(R"("doorbell": "eventfd")"), std::string(R"("capacity_bytes": 65536)"),
          std::string(R"("file_bytes": 73728)"), R"("pid": )" + own}) {
      EXPECT_THAT(ended.out, HasSubstr(told));
    }
    const std::string text = run("inspect /dev/ringbell0").out;
    EXPECT_THAT(text, HasSubstr("writer    pid 0, open, alive"));
    EXPECT_THAT(text, HasSubstr("reader    pid " + own + ", open, alive"));
    EXPECT_THAT(text, HasSubstr("mapped    pid " + own));
  }
  EXPECT_THAT(run("inspect /dev/ringbell0").out, HasSubstr("closed, gone"));
  EXPECT_EQ(run("inspect /dev/null").status, 1);
}

// Every line is measured there: what differs between the two ways to map, and what does not.
TEST_F(KernelCommandTest, ExplainTellsTheTwoWaysToMap) {
  const auto lines_of = [](const std::string& told, const std::string& name) {
    const std::size_t at = told.find("  " + name, told.find("\n/dev/ringbell0"));
    return told.substr(at, told.find('\n', at) - at);
  };
  const std::string faulted = run("explain memory --device /dev/ringbell0").out;
  EXPECT_THAT(lines_of(faulted, "mapping"), HasSubstr("dd"));
  EXPECT_THAT(lines_of(faulted, "mapping"), ::testing::Not(HasSubstr("pf")));
  EXPECT_THAT(lines_of(faulted, "faults"), HasSubstr("4 page faults"));
  EXPECT_THAT(lines_of(faulted, "two processes"), HasSubstr("4 of 4 pages are the same frame"));
  EXPECT_THAT(lines_of(faulted, "by reference"), HasSubstr("yes"));
  ASSERT_EQ(test::unload_module("ringbell_counter"), 0);
  ASSERT_EQ(test::load_module("ringbell_counter", "devices=1 contiguous=1"), 0);
  const std::string at_once = run("explain memory --device /dev/ringbell0").out;
  EXPECT_THAT(lines_of(at_once, "mapping"), HasSubstr("pf"));
  EXPECT_THAT(lines_of(at_once, "mapping"), HasSubstr("io"));
  EXPECT_THAT(lines_of(at_once, "faults"), HasSubstr("0 page faults"));
  EXPECT_THAT(lines_of(at_once, "two processes"), HasSubstr("hidden"));
  EXPECT_THAT(lines_of(at_once, "by reference"), HasSubstr("no: Bad address"));
  for (const std::string& told : {faulted, at_once}) {
    EXPECT_THAT(lines_of(told, "core and swap"),
                HasSubstr("core files leave it out, swapped 0 kB"));
    EXPECT_THAT(lines_of(told, "futex"), HasSubstr("no: Bad address"));
    EXPECT_THAT(lines_of(told, "private"), HasSubstr("no: Invalid argument"));
  }
}

}  // namespace
}  // namespace ringbell
