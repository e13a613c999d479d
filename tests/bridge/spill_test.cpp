// Records that wait in a file: what a kill, a full disk or another file leaves of them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include <sys/resource.h>
#include <unistd.h>

#include <tests/support/failure.hpp>
#include "bridge/rings/spill.hpp"

namespace ringbell::bridge {
namespace {

namespace fs = std::filesystem;

class SpillTest : public testing::Test {
 public:
  SpillTest() {
    std::string made = (fs::temp_directory_path() / "ringbell-spill-XXXXXX").string();
    folder_ = ::mkdtemp(made.data());
  }
  ~SpillTest() override { fs::remove_all(folder_); }
  SpillTest(const SpillTest&) = delete;
  SpillTest& operator=(const SpillTest&) = delete;

 protected:
  Spill opened() {
    Result<Spill> spill = Spill::open(folder_, "orders");
    EXPECT_TRUE(spill) << spill.error().message;
    return std::move(*spill);
  }
  static void add(Spill& spill, std::uint64_t begin, const std::string& text) {
    spill.add({.source = "here",
               .begin = begin,
               .end = begin + 1,
               .missed = begin * 2,
               .bytes = std::as_bytes(std::span(text))});
  }
  // All that is left to read, as "BEGIN:TEXT".
  static std::vector<std::string> read(Spill& spill, std::size_t most = SIZE_MAX) {
    std::vector<std::string> all;
    while (all.size() < most) {
      const auto record = spill.next();
      EXPECT_TRUE(record) << record.error().message;
      if (!record || !*record) break;
      const Spill::Record& its = **record;
      EXPECT_EQ(its.source, "here");
      EXPECT_EQ(its.end, its.begin + 1);
      EXPECT_EQ(its.missed, its.begin * 2);
      all.push_back(std::to_string(its.begin) + ":" +
                    std::string(reinterpret_cast<const char*>(its.bytes.data()), its.bytes.size()));
    }
    return all;
  }
  [[nodiscard]] fs::path file() const { return fs::path(folder_) / "orders.spill"; }

  std::string folder_;
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(SpillTest, RecordsComeOutAsTheyWentIn) {
  Spill spill = opened();
  EXPECT_TRUE(spill.all_read());
  add(spill, 0, "zero");
  add(spill, 1, "");
  EXPECT_TRUE(spill.all_read());
  ASSERT_TRUE(spill.flush());
  EXPECT_THAT(read(spill), ElementsAre("0:zero", "1:"));
  spill.rewind();
  EXPECT_THAT(read(spill, 1), ElementsAre("0:zero"));
  ASSERT_TRUE(spill.release_to(spill.position()));
  spill.rewind();
  EXPECT_THAT(read(spill), ElementsAre("1:"));
}

TEST_F(SpillTest, FileIsEmptyOnceAllIsGivenBack) {
  Spill spill = opened();
  const auto empty = fs::file_size(file());
  add(spill, 0, std::string(1000, 'x'));
  ASSERT_TRUE(spill.flush());
  EXPECT_GT(fs::file_size(file()), empty + 1000);
  (void)read(spill);
  ASSERT_TRUE(spill.release_to(spill.position()));
  EXPECT_EQ(fs::file_size(file()), empty);
  add(spill, 5, "again");
  ASSERT_TRUE(spill.flush());
  EXPECT_THAT(read(spill), ElementsAre("5:again"));
}

TEST_F(SpillTest, NextProcessGoesOnWithWhatWasNotGivenBack) {
  {
    Spill spill = opened();
    for (std::uint64_t i = 0; i < 5; ++i) add(spill, i, "r");
    ASSERT_TRUE(spill.flush());
    (void)read(spill, 2);
    ASSERT_TRUE(spill.release_to(spill.position()));
    (void)read(spill, 2);
    add(spill, 9, "was not flushed");
  }
  Spill spill = opened();
  EXPECT_EQ(spill.end_of("here"), 5U);
  EXPECT_EQ(spill.end_of("there"), std::nullopt);
  EXPECT_THAT(read(spill), ElementsAre("2:r", "3:r", "4:r"));
}

TEST_F(SpillTest, CutAnywhereLeavesTheWholeRecordsBeforeIt) {
  {
    Spill spill = opened();
    for (std::uint64_t i = 0; i < 3; ++i) add(spill, i, "record");
    ASSERT_TRUE(spill.flush());
  }
  const auto whole = fs::file_size(file());
  const auto each = (whole - 16) / 3;
  for (auto size = whole; size-- > 0;) {
    fs::resize_file(file(), size);
    Spill spill = opened();
    const std::size_t kept = size < 16 ? 0 : (size - 16) / each;
    EXPECT_EQ(read(spill).size(), kept) << size;
    if (size % each == 7) {  // what was cut is written over
      add(spill, 7, "next");
      ASSERT_TRUE(spill.flush());
      EXPECT_THAT(read(spill), ElementsAre("7:next"));
      fs::resize_file(file(), size);
    }
  }
}

TEST_F(SpillTest, DiskOfWhatIsGivenBackIsGivenBack) {
  Spill spill = opened();
  const std::string megabyte(1 << 20, 'x');
  for (std::uint64_t i = 0; i < 12; ++i) add(spill, i, megabyte);
  ASSERT_TRUE(spill.flush());
  for (std::uint64_t i = 0; i < 10; ++i) {
    ASSERT_EQ(read(spill, 1).size(), 1U);
    ASSERT_TRUE(spill.release_to(spill.position()));
  }
  spill.rewind();
  EXPECT_EQ(read(spill).size(), 2U);
}

TEST_F(SpillTest, OneProcessAtATimeHasIt) {
  const Spill spill = opened();
  const Result<Spill> second = Spill::open(folder_, "orders");
  ASSERT_FALSE(second);
  EXPECT_EQ(code_of(second), ErrorCode::busy);
}

TEST_F(SpillTest, OtherFilesAreLeftAlone) {
  std::ofstream(file()) << "precious data that is longer than a head";
  const Result<Spill> spill = Spill::open(folder_, "orders");
  ASSERT_FALSE(spill);
  EXPECT_EQ(code_of(spill), ErrorCode::corrupt);
  EXPECT_EQ(code_of(Spill::open("/nowhere", "orders")), ErrorCode::system);
}

TEST_F(SpillTest, FullDiskTakesNothingOfWhatWasAdded) {
  Spill spill = opened();
  add(spill, 0, "first");
  ASSERT_TRUE(spill.flush());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 4096, .rlim_max = before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  add(spill, 1, std::string(10'000, 'x'));
  EXPECT_FALSE(spill.flush());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)::signal(SIGXFSZ, handler);
  add(spill, 2, "third");
  ASSERT_TRUE(spill.flush());
  EXPECT_THAT(read(spill), ElementsAre("0:first", "2:third"));
}

}  // namespace
}  // namespace ringbell::bridge
