// Files copied through the transports of the comparison: how often each byte is copied, that the
// copies are true, and what is said when there is nothing to copy.
#include "bench/file_copy/file_copy.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <tests/support/failure.hpp>
#include "bench/file_copy/files.hpp"
#include "bench/file_copy/sha256.hpp"
#include "bench/harness/interruption.hpp"
#include "bench/harness/row_sink.hpp"

#include <tests/support/other_user.hpp>

namespace ringbell::bench {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

constexpr std::uint64_t kOddBytes = 3UL * 1024 * 1024 + 17;

class FileCopy : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ringbell-file-copy-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.folder = folder_;
    options_.cpus = choose_cpus();
    options_.placements = {Placement::one_cpu};
    options_.spinning_rows = false;
    options_.runs = 1;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A file whose bytes repeat at no multiple of a chunk.
  std::string write_file(const std::string& name, std::uint64_t file_bytes) {
    const std::string path = folder_ + "/" + name;
    std::string bytes(file_bytes, '\0');
    std::uint64_t word = 1;
    for (char& byte : bytes) {
      word = word * 6364136223846793005U + 1442695040888963407U;
      byte = static_cast<char>(word >> 56U);
    }
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  // The only row of a copy through `transport`.
  Row copy_through(const std::string& transport) {
    options_.transports = {transport};
    RowSink sink;
    const Result<void> done = measure_file_copies(options_, sink);
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(sink.rows().size(), 1U);
    return sink.rows().empty() ? Row{} : sink.rows().front();
  }

  Error error_of(const std::string& file) {
    options_.file = file;
    RowSink sink;
    const Result<void> done = measure_file_copies(options_, sink);
    EXPECT_FALSE(done);
    EXPECT_TRUE(sink.rows().empty());
    return done ? Error{} : done.error();
  }

  [[nodiscard]] std::ptrdiff_t files_in_folder() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }

  std::string folder_;
  FileCopyOptions options_;
};

void expect_copies(const Row& row, double copies) {
  ASSERT_FALSE(row.contains("error")) << row.dump();
  EXPECT_NEAR(row["copies_per_byte"].get<double>(), copies, 0.02) << row.dump();
  EXPECT_TRUE(row["sha256_match"].get<bool>());
  EXPECT_GT(row["bytes_per_s"].get<double>(), 0);
}

TEST_F(FileCopy, RingCopiesEachByteTwice) {
  options_.file = write_file("source", kOddBytes);
  const Row row = copy_through("ringbell");
  expect_copies(row, 2.0);
  EXPECT_EQ(row["wrapper_copied_bytes"], 0);
}

TEST_F(FileCopy, PipesAndSocketsCopyEachByteFourTimes) {
  options_.file = write_file("source", kOddBytes);
  for (const char* transport : {"pipe", "pipe_1m", "unix_stream"}) {
    SCOPED_TRACE(transport);
    const Row row = copy_through(transport);
    expect_copies(row, 4.0);
    EXPECT_EQ(row["wrapper_copied_bytes"], 0);
  }
}

// The kernel counts reading and writing the files; the wrapper counts into and out of the queue.
TEST_F(FileCopy, QueuesCopyEachByteFourTimesAndHalfOfItIsCountedByTheWrapper) {
  options_.file = write_file("source", kOddBytes);
  for (const char* transport : {"posix_mq", "sysv_mq"}) {
    const Row row = copy_through(transport);
    if (row.contains("error")) continue;  // a machine without such queues
    expect_copies(row, 4.0);
    EXPECT_EQ(row["wrapper_copied_bytes"], 2 * kOddBytes);
  }
}

TEST_F(FileCopy, RingWithIoUringCopiesEachByteTwiceOrSaysWhyItCannot) {
  options_.file = write_file("source", kOddBytes);
  const Row row = copy_through("ringbell_uring");
  if (row.contains("error")) {
    EXPECT_THAT(row["error"].get<std::string>(), HasSubstr("io_uring"));
  } else {
    expect_copies(row, 2.0);
    EXPECT_THAT(row["note"].get<std::string>(), HasSubstr("completions"));
  }
}

TEST_F(FileCopy, WhatNoProcessSeesIsTheSameAndItsRowSaysWhyItsCopiesAreNotCounted) {
  options_.file = write_file("source", kOddBytes);
  for (const char* transport : {"splice", "sendfile", "copy_file_range"}) {
    SCOPED_TRACE(transport);
    const Row row = copy_through(transport);
    ASSERT_FALSE(row.contains("error")) << row.dump();
    EXPECT_TRUE(row["sha256_match"].get<bool>());
    EXPECT_GT(row["bytes_per_s"].get<double>(), 0);
    EXPECT_FALSE(row.contains("copies_per_byte"));
    EXPECT_THAT(row["note"].get<std::string>(), HasSubstr("not counted"));
  }
}

TEST_F(FileCopy, SpliceWhoseSidesSpinCopiesTheSame) {
  options_.file = write_file("source", kOddBytes);
  options_.placements = {Placement::two_cpus};
  options_.spinning_rows = true;
  options_.quick_wakes = {};
  if (options_.cpus[1] < 0) GTEST_SKIP() << "needs two CPUs";
  const Row row = copy_through("splice");
  ASSERT_FALSE(row.contains("error")) << row.dump();
  EXPECT_EQ(row["wait"], "polled");
  EXPECT_TRUE(row["sha256_match"].get<bool>());
}

// The source is written to all the time: sooner or later the copy is not what was hashed.
TEST_F(FileCopy, ACopyThatDiffersHasItsRowAndFailsTheRun) {
  options_.file = write_file("source", kOddBytes);
  const FileDescriptor source(::open(options_.file.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(source);
  const std::jthread writer([&](const std::stop_token& stop) {
    for (std::uint64_t i = 0; !stop.stop_requested(); ++i) {
      EXPECT_EQ(::pwrite(source.get(), &i, sizeof i, 0), static_cast<ssize_t>(sizeof i));
    }
  });
  options_.transports = {"pipe", "unix_stream"};
  bool differed = false;
  for (int attempt = 0; attempt < 100 && !differed; ++attempt) {
    RowSink sink;
    const Result<void> done = measure_file_copies(options_, sink);
    ASSERT_EQ(sink.rows().size(), 2U);
    differed =
        !sink.rows()[0].value("sha256_match", true) || !sink.rows()[1].value("sha256_match", true);
    ASSERT_EQ(!done, differed);
    if (differed) {
      EXPECT_EQ(code_of(done), ErrorCode::corrupt);
      EXPECT_THAT(message_of(done), HasSubstr("SHA-256"));
    }
  }
  EXPECT_TRUE(differed);
}

TEST_F(FileCopy, SmallestFileGoesThrough) {
  options_.file = write_file("source", 1);
  for (const char* transport : {"ringbell", "pipe", "posix_mq"}) {
    const Row row = copy_through(transport);
    EXPECT_TRUE(row.contains("error") || row["sha256_match"].get<bool>()) << row.dump();
  }
}

TEST_F(FileCopy, LeavesNoFileButTheSource) {
  options_.file = write_file("source", kOddBytes);
  copy_through("ringbell");
  EXPECT_EQ(files_in_folder(), 1);
}

TEST_F(FileCopy, AssembledFileIsKeptAndMadeAnewIfItsSizeIsOff) {
  options_.assembled_bytes = 100'000;
  EXPECT_EQ(copy_through("ringbell")["file_bytes"], 100'000);
  ASSERT_EQ(files_in_folder(), 1);
  const fs::path kept = fs::directory_iterator(folder_)->path();
  const auto made_at = fs::last_write_time(kept);
  copy_through("ringbell");
  EXPECT_EQ(fs::last_write_time(kept), made_at);
  fs::resize_file(kept, 99'999);
  EXPECT_EQ(copy_through("ringbell")["file_bytes"], 100'000);
  EXPECT_EQ(fs::file_size(kept), 100'000U);
  EXPECT_EQ(files_in_folder(), 1);
}

TEST_F(FileCopy, FileThatIsNotThereIsAnError) {
  const Error error = error_of(folder_ + "/nothing");
  EXPECT_THAT(error.message, HasSubstr("/nothing"));
  EXPECT_EQ(error.errno_value, ENOENT);
}

TEST_F(FileCopy, EmptyFileIsAnError) {
  const Error error = error_of(write_file("empty", 0));
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
  EXPECT_THAT(error.message, HasSubstr("empty"));
}

TEST_F(FileCopy, DirectoryIsAnError) {
  EXPECT_THAT(error_of(folder_).message, HasSubstr("a directory"));
}

TEST_F(FileCopy, FifoIsAnErrorAndIsNotWaitedFor) {
  const std::string path = folder_ + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(error_of(path).message, HasSubstr("not a regular file"));
}

TEST_F(FileCopy, FileThatMayNotBeReadIsAnError) {
  const std::string path = write_file("secret", 10);
  fs::permissions(path, fs::perms::none);
  fs::permissions(folder_, fs::perms::others_exec, fs::perm_options::add);
  const auto refused = [&] {
    // Root may read everything.
    const bool bound = ::geteuid() != 0 || test::become_other_user();
    return bound && error_of(path).code == ErrorCode::permission;
  };
  EXPECT_EXIT(::_exit(refused() ? 0 : 1), testing::ExitedWithCode(0), "");
}

TEST_F(FileCopy, AnInterruptionEndsTheReadingOfFilesToo) {
  const std::string path = write_file("source", kOddBytes);
  const auto interrupted = [&] {
    const Result<SourceFile> source = open_source(path);
    if (!source || !interruption::watch() || ::raise(SIGINT) != 0) return false;
    const Result<Sha256> digest = sha256_of_file(source->file.get(), source->file_bytes);
    const Result<SourceFile> assembled = assemble_source(folder_, kOddBytes);
    return !digest && errno_of(digest) == EINTR && !assembled && errno_of(assembled) == EINTR;
  };
  EXPECT_EXIT(::_exit(interrupted() ? 0 : 1), testing::ExitedWithCode(0), "");
  EXPECT_EQ(files_in_folder(), 1);
}

TEST_F(FileCopy, NoRoomForTheCopyIsAnErrorBeforeAnythingIsRead) {
  const std::string path = write_file("huge", 1);
  std::error_code refused;
  fs::resize_file(path, std::uintmax_t{8} << 40U, refused);  // sparse
  if (refused) GTEST_SKIP() << "this file system has no such large files";
  const Error error = error_of(path);
  EXPECT_EQ(error.code, ErrorCode::no_space);
  EXPECT_THAT(error.message, HasSubstr("reserving"));
  EXPECT_EQ(files_in_folder(), 1);
}

TEST_F(FileCopy, FolderThatIsNotThereIsAnError) {
  const std::string file = write_file("source", 10);
  options_.folder = folder_ + "/no/such";
  EXPECT_THAT(error_of(file).message, HasSubstr("/no/such"));
}

TEST_F(FileCopy, UnknownTransportIsAnErrorThatListsTheKnownOnes) {
  options_.transports = {"pigeon"};
  const Error error = error_of(write_file("source", 10));
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
  EXPECT_THAT(error.message, HasSubstr("pipe_1m"));
}

}  // namespace
}  // namespace ringbell::bench
