#include "tools/command/stream/copy_file.hpp"

#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/file_copy/sha256.hpp"
#include "tools/command/command.hpp"

namespace ringbell::tools {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kModeBits = 0777;

Tried<struct stat> about(int fd, const std::string& path) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return give_up_errno("fstat of " + path + " failed");
  return facts;
}

Tried<void> empty(Destination& made, const struct stat& from) {
  const Tried<struct stat> to = about(made.fd.get(), made.path);
  if (!to) return tl::unexpected(to.error());
  if (from.st_dev == to->st_dev && from.st_ino == to->st_ino) {
    return give_up(kFailed, made.path + " is the source itself");
  }
  made.is_regular = S_ISREG(to->st_mode);
  if (made.is_regular && ::ftruncate(made.fd.get(), 0) != 0) {
    return give_up_errno("emptying " + made.path + " failed");
  }
  return {};
}

}  // namespace

Tried<Source> open_source(const std::string& path) {
  FileDescriptor fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return give_up_errno("opening " + path + " failed");
  const Tried<struct stat> facts = about(fd.get(), path);
  if (!facts) return tl::unexpected(facts.error());
  if (S_ISDIR(facts->st_mode)) {
    return give_up(kFailed, path +
                                " is a folder; tar can make a stream of it, and `ringbell send` "
                                "send it");
  }
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);  // a hint: it may be refused
  return Source{path, std::move(fd)};
}

Tried<Destination> open_destination(const std::string& path, const Source& source) {
  const Tried<struct stat> from = about(source.fd.get(), source.path);
  if (!from) return tl::unexpected(from.error());
  std::error_code none;
  Destination made{path, {}, false, false};
  if (fs::is_directory(path, none)) made.path = fs::path(path) / fs::path(source.path).filename();

  const mode_t mode = S_ISREG(from->st_mode) ? from->st_mode & kModeBits : mode_t{0666};
  // Readable, too: --verify reads it.
  made.fd = FileDescriptor{::open(made.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
  made.is_new = static_cast<bool>(made.fd);
  // Pipes and devices cannot always be read.
  for (const int access : {O_RDWR, O_WRONLY}) {
    if (!made.fd) made.fd = FileDescriptor{::open(made.path.c_str(), access | O_CLOEXEC)};
  }
  if (!made.fd) return give_up_errno("opening " + made.path + " for writing failed");
  if (const Tried<void> emptied = empty(made, *from); !emptied) {
    remove_failed(made);
    return tl::unexpected(emptied.error());
  }
  return made;
}

void remove_failed(const Destination& destination) noexcept {
  if (destination.is_new) ::unlink(destination.path.c_str());
}

Tried<void> verify(const Source& source, const Destination& destination) {
  const Tried<struct stat> from = about(source.fd.get(), source.path);
  if (!from) return tl::unexpected(from.error());
  const Tried<struct stat> to = about(destination.fd.get(), destination.path);
  if (!to) return tl::unexpected(to.error());
  if (!S_ISREG(from->st_mode) || !S_ISREG(to->st_mode)) {
    return give_up(kFailed, "--verify: only files can be read once more and compared");
  }
  if (from->st_size == to->st_size) {
    const auto size = static_cast<std::uint64_t>(from->st_size);
    const Result<bench::Sha256> wanted = bench::sha256_of_file(source.fd.get(), size);
    if (!wanted) return give_up(wanted.error());
    const Result<bench::Sha256> got = bench::sha256_of_file(destination.fd.get(), size);
    if (!got) return give_up(got.error());
    if (*wanted == *got) return {};
  }
  return give_up(kDiffers, fmt::format("{} differs from {}", destination.path, source.path));
}

}  // namespace ringbell::tools
