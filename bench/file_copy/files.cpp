#include "bench/file_copy/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bench/file_copy/file_io.hpp"
#include "bench/harness/interruption.hpp"

namespace ringbell::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMaterial = "/usr/lib";
constexpr const char* kAssembledName = "source.bin";
constexpr std::size_t kChunkBytes = 1024UL * 1024;

std::string in_mebibytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

// A file without a name, in `folder`.
Result<FileDescriptor> create_nameless(const std::string& folder) {
  FileDescriptor file{::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  if (file) return file;
  const bool no_such_feature = errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL;
  if (no_such_feature) {
    std::string path = folder + "/ringbell-copy-XXXXXX";
    FileDescriptor named{::mkostemp(path.data(), O_CLOEXEC)};
    if (named) {
      ::unlink(path.c_str());
      return named;
    }
  }
  return fail_errno(fmt::format("creating a file in {} failed", folder),
                    "name another folder for the results, one that may be written");
}

tl::unexpected<Error> fail_no_room(const std::string& folder, std::uint64_t file_bytes) {
  return fail_errno(fmt::format("reserving {} in {} failed", in_mebibytes(file_bytes), folder),
                    "free some space, name another folder for the results, or copy a smaller file");
}

Result<void> reserve(int fd, const std::string& folder, std::uint64_t file_bytes) {
  // fallocate may fill the disk before it finds that there is not enough; so ask first.
  struct statvfs room {};
  if (::fstatvfs(fd, &room) == 0 && file_bytes / room.f_frsize > room.f_bavail) {
    errno = ENOSPC;
    return fail_no_room(folder, file_bytes);
  }
  if (::fallocate(fd, 0, 0, static_cast<off_t>(file_bytes)) == 0) return {};
  if (errno == EOPNOTSUPP || errno == ENOSYS) return {};  // the first write will tell
  return fail_no_room(folder, file_bytes);
}

// The folder's entries in the order of their names; none if it cannot be listed.
std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  fs::directory_iterator listed(folder, error);
  for (; !error && listed != fs::directory_iterator(); listed.increment(error)) {
    entries.push_back(*listed);
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

// Puts material together until there is enough.
class Assembly {
 public:
  Assembly(int fd, std::uint64_t file_bytes) : fd_(fd), left_bytes_(file_bytes) {}

  // Errors: permission, if there is nothing to read; no_space and others from writing.
  [[nodiscard]] Result<void> fill() {
    while (left_bytes_ > 0) {
      const std::uint64_t left_before = left_bytes_;
      const Result<void> appended = append_folder(kMaterial);
      if (!appended) return appended;
      if (left_bytes_ == left_before) {
        return fail(ErrorCode::permission,
                    fmt::format("no file in {} can be read; name one with --file", kMaterial));
      }
    }
    return {};
  }

 private:
  // Regular files in the order of their paths, no links.
  Result<void> append_folder(const fs::path& folder) {
    for (const fs::directory_entry& entry : entries_of(folder)) {
      if (left_bytes_ == 0) break;
      std::error_code vanished;
      const fs::file_type type = entry.symlink_status(vanished).type();
      Result<void> appended;
      if (type == fs::file_type::directory) appended = append_folder(entry.path());
      if (type == fs::file_type::regular) appended = append_file(entry.path());
      if (!appended) return appended;
    }
    return {};
  }

  // A file that cannot be read gives nothing.
  Result<void> append_file(const fs::path& path) {
    const FileDescriptor from{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    while (from && left_bytes_ > 0) {
      if (interruption::came()) return interruption::error();
      const auto wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(chunk_.size(), left_bytes_));
      const ssize_t got = ::read(from.get(), chunk_.data(), wanted);
      if (got <= 0) break;
      const auto bytes = std::span(chunk_).first(static_cast<std::size_t>(got));
      const Result<void> written = write_at(fd_, bytes, offset_);
      if (!written) return written;
      offset_ += bytes.size();
      left_bytes_ -= bytes.size();
    }
    return {};
  }

  int fd_;
  std::uint64_t left_bytes_;
  std::uint64_t offset_ = 0;
  std::vector<std::byte> chunk_ = std::vector<std::byte>(kChunkBytes);
};

// Gives a nameless file its name, whole.
Result<void> publish(int fd, const std::string& path) {
  const std::string nameless = fmt::format("/proc/self/fd/{}", fd);
  if (::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0)
    return {};
  if (errno == EEXIST) return {};  // another run was faster, with the same bytes
  return fail_errno(fmt::format("giving {} its name failed", path),
                    "name another folder for the results, or a file with --file");
}

bool has_size(int fd, std::uint64_t file_bytes) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
         static_cast<std::uint64_t>(status.st_size) == file_bytes;
}

}  // namespace

Result<SourceFile> open_source(const std::string& path) {
  // O_NONBLOCK: a FIFO must be refused, not waited for.
  FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file) {
    return fail_errno(fmt::format("opening {} failed", path),
                      "name a regular file that you may read");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(fmt::format("fstat of {} failed", path));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is {}; name a regular file", path,
                            S_ISDIR(status.st_mode) ? "a directory" : "not a regular file"));
  }
  if (status.st_size == 0) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is empty; name a file with something to copy", path));
  }
  return SourceFile{std::move(file), path, static_cast<std::uint64_t>(status.st_size)};
}

Result<SourceFile> assemble_source(const std::string& folder, std::uint64_t file_bytes, bool keep) {
  const std::string path = folder + "/" + kAssembledName;
  FileDescriptor kept{keep ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
                           : -1};
  if (kept && has_size(kept.get(), file_bytes))
    return SourceFile{std::move(kept), path, file_bytes};
  if (kept) ::unlink(path.c_str());

  Result<FileDescriptor> made = create_nameless(folder);
  if (!made) return tl::unexpected(made.error());
  Result<void> done = reserve(made->get(), folder, file_bytes);
  if (done) done = Assembly(made->get(), file_bytes).fill();
  if (done && keep) done = publish(made->get(), path);
  if (!done) return tl::unexpected(done.error());
  return SourceFile{std::move(*made), path, file_bytes};
}

Result<FileDescriptor> create_destination(const std::string& folder, std::uint64_t file_bytes) {
  Result<FileDescriptor> file = create_nameless(folder);
  if (!file) return file;
  const Result<void> reserved = reserve(file->get(), folder, file_bytes);
  if (!reserved) return tl::unexpected(reserved.error());
  return file;
}

}  // namespace ringbell::bench
