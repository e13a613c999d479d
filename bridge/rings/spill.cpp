#include "bridge/rings/spill.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringbell::bridge {
namespace {

constexpr std::uint64_t kFileMagic = 0x6c6c697073726262U;  // "bbrspill"
constexpr std::uint32_t kMagic = 0x64726372U;
constexpr std::uint64_t kPunchEach = 4UL << 20;  // of what was given back

struct Head {
  std::uint64_t magic = kFileMagic;
  std::uint64_t head = sizeof(Head);
};

}  // namespace

struct Spill::Entry {
  std::uint32_t magic = kMagic;
  std::uint32_t size = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t missed = 0;
  std::array<char, kMostSource> source{};
};

Spill::Spill(FileDescriptor file, std::string path) noexcept
    : file_(std::move(file)),
      path_(std::move(path)),
      head_(sizeof(Head)),
      read_(sizeof(Head)),
      end_(sizeof(Head)) {}

tl::unexpected<Error> Spill::failed(const char* what) const {
  const int number = errno;
  const ErrorCode code =
      number == ENOSPC || number == EDQUOT ? ErrorCode::no_space : ErrorCode::system;
  return tl::unexpected(
      Error{code, number, std::string(what) + " " + path_ + " failed: " + std::strerror(number)});
}

Result<Spill> Spill::open(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name + ".spill";
  Spill spill(FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), path);
  if (!spill.file_) return spill.failed("opening");
  if (::flock(spill.file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return spill.failed("locking");
    return fail(ErrorCode::busy, path + " is another process's");
  }
  if (auto recovered = spill.recover(); !recovered) return tl::unexpected(recovered.error());
  return spill;
}

// S1: up to the last record that is whole.
Result<void> Spill::recover() {
  struct stat about {};
  if (::fstat(file_.get(), &about) != 0) return failed("looking at");
  const auto size = static_cast<std::uint64_t>(about.st_size);
  Head head;
  const auto bytes = std::as_writable_bytes(std::span(&head, 1));
  if (size < sizeof head) {  // new, or cut while it was
    head = {};
    if (::pwrite(file_.get(), &head, sizeof head, 0) != ssize_t{sizeof head}) {
      return failed("writing");
    }
    return {};
  }
  const Result<bool> whole = read_at(0, bytes);
  if (!whole) return tl::unexpected(whole.error());
  if (head.magic != kFileMagic || head.head < sizeof head || head.head > size) {
    return fail(ErrorCode::corrupt, path_ + " is no file of records that wait");
  }
  head_ = read_ = end_ = head.head;
  for (Entry entry;; end_ += sizeof entry + entry.size) {
    const Result<bool> there = read_at(end_, std::as_writable_bytes(std::span(&entry, 1)));
    if (!there) return tl::unexpected(there.error());
    if (!*there || entry.magic != kMagic || size - end_ - sizeof entry < entry.size) return {};
    last_source_.assign(entry.source.data(), ::strnlen(entry.source.data(), kMostSource));
    last_end_ = entry.end;
  }
}

Result<bool> Spill::read_at(std::uint64_t position, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t count =
        ::pread(file_.get(), into.data(), into.size(), static_cast<off_t>(position));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("reading");
    if (count == 0) return false;
    position += static_cast<std::uint64_t>(count);
    into = into.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

void Spill::add(const Record& record) {
  Entry entry{.size = static_cast<std::uint32_t>(record.bytes.size()),
              .begin = record.begin,
              .end = record.end,
              .missed = record.missed};
  std::copy_n(record.source.begin(), std::min(record.source.size(), kMostSource),
              entry.source.begin());
  const auto bytes = std::as_bytes(std::span(&entry, 1));
  added_.insert(added_.end(), bytes.begin(), bytes.end());
  added_.insert(added_.end(), record.bytes.begin(), record.bytes.end());
}

Result<void> Spill::flush() {
  std::size_t written = 0;
  while (written < added_.size()) {
    const ssize_t count = ::pwrite(file_.get(), added_.data() + written, added_.size() - written,
                                   static_cast<off_t>(end_ + written));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const tl::unexpected<Error> error = failed("writing");
      added_.clear();
      (void)!::ftruncate(file_.get(), static_cast<off_t>(end_));
      return error;
    }
    written += static_cast<std::size_t>(count);
  }
  end_ += added_.size();
  added_.clear();
  return {};
}

Result<std::optional<Spill::Record>> Spill::next() {
  if (all_read()) return std::nullopt;
  Entry entry;
  Result<bool> there = read_at(read_, std::as_writable_bytes(std::span(&entry, 1)));
  if (there && *there) {
    record_.resize(entry.size);
    there = read_at(read_ + sizeof entry, record_);
  }
  if (!there) return tl::unexpected(there.error());
  if (!*there) return fail(ErrorCode::corrupt, path_ + " has become shorter");
  read_ += sizeof entry + entry.size;
  source_.assign(entry.source.data(), ::strnlen(entry.source.data(), kMostSource));
  return Record{.source = source_,
                .begin = entry.begin,
                .end = entry.end,
                .missed = entry.missed,
                .bytes = record_};
}

// The head first: what it points behind may be gone (S2).
Result<void> Spill::release_to(std::uint64_t position) {
  const std::uint64_t before = head_;
  head_ = std::max(head_, std::min(position, read_));
  const bool empty = head_ == end_ && added_.empty();
  const Head head{.head = empty ? sizeof(Head) : head_};
  if (::pwrite(file_.get(), &head, sizeof head, 0) != ssize_t{sizeof head}) {
    return failed("writing");
  }
  if (empty) {  // S3
    if (::ftruncate(file_.get(), sizeof(Head)) != 0) return failed("truncating");
    head_ = read_ = end_ = sizeof(Head);
  } else if (head_ / kPunchEach != before / kPunchEach) {
    // Where the file system cannot, the file only stays longer.
    (void)::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, sizeof(Head),
                      static_cast<off_t>(head_ - sizeof(Head)));
  }
  return {};
}

std::optional<std::uint64_t> Spill::end_of(const std::string& source) const {
  return source == last_source_ ? std::optional(last_end_) : std::nullopt;
}

}  // namespace ringbell::bridge
