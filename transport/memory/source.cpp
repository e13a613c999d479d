#include <ringbell/transport/memory/source.hpp>

#include <cassert>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/memory/anonymous.hpp>
#include <ringbell/transport/memory/device.hpp>
#include <ringbell/transport/memory/file.hpp>
#include <ringbell/transport/memory/memfd.hpp>
#include <ringbell/transport/memory/owner.hpp>
#include <ringbell/transport/memory/reserve.hpp>
#include <ringbell/transport/memory/system_v.hpp>

namespace ringbell::memory {
namespace {

Result<struct stat> status_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno(fmt::format("descriptor {} is not open", fd));
  return status;
}

tl::unexpected<Error> fail_mismatch(const char* found, std::uint32_t backing) {
  return fail(ErrorCode::not_a_region,
              fmt::format("not a usable region: it is a {} but says that its backing is {}", found,
                          backing));
}

Images head_of(const Images& images) noexcept {
  return {.region_bytes = images.head_bytes,
          .head_bytes = images.head_bytes,
          .lane_bytes = 0,
          .lanes = 0};
}

Result<void> check_size(const struct stat& status, const Images& images) {
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (bytes == images.region_bytes) return {};
  return fail(ErrorCode::not_a_region,
              fmt::format("not a usable region: it says {} bytes but the file has {}",
                          images.region_bytes, bytes));
}

}  // namespace

Result<Source> Source::create(const MemoryOptions& options, const BytesFor& bytes_for) {
  Source source(options.backing);
  source.creating_ = true;
  Result<void> made = fail(ErrorCode::invalid_argument,
                           fmt::format("backing {} cannot be asked for", int(options.backing)));
  switch (options.backing) {
    case Backing::memfd:
    case Backing::system_v:
    case Backing::anonymous:
      made = source.make_memory(options, bytes_for);
      break;
    case Backing::posix_shm:
    case Backing::file:
      made = source.make_file(options, bytes_for);
      break;
    case Backing::device:
      made = source.take_device(options, bytes_for);
      break;
    case Backing::device_unmirrored:
      break;
  }
  if (!made) return tl::unexpected(std::move(made.error()));
  return source;
}

// Memory without a name: of 2 MiB pages if they are wished and there, else of small ones.
Result<void> Source::make_memory(const MemoryOptions& options, const BytesFor& bytes_for) {
  const auto make = [&](std::uint32_t page_bytes) -> Result<void> {
    page_bytes_ = page_bytes;
    const std::uint64_t bytes = bytes_for(page_bytes);
    if (backing_ == Backing::memfd) {
      return memfd::create(bytes, page_bytes, options.give_up).map([&](FileDescriptor file) {
        file_ = std::move(file);
      });
    }
    if (page_bytes == small_page()) {
      if (Result<void> enough = check_memory(bytes); !enough) return enough;
    }
    if (backing_ == Backing::system_v) {
      return system_v::create(bytes, page_bytes, options.mode).map([&](int segment) {
        segment_ = segment;
      });
    }
    if (page_bytes == small_page()) return {};  // anonymous memory is made by mapping it
    return fail(ErrorCode::unsupported,
                "anonymous memory of hugetlb pages cannot be mapped twice; take a memfd");
  };
  if (options.huge_pages == HugePages::never) return make(small_page());
  Result<void> made = make(kHugePage);
  if (made || options.huge_pages == HugePages::require) return made;
  return make(small_page());
}

// The file system decides about the size of pages.
Result<void> Source::make_file(const MemoryOptions& options, const BytesFor& bytes_for) {
  path_ = options.name;
  if (backing_ == Backing::posix_shm) {
    Result<std::string> path = file::posix_shm_path(options.name);
    if (!path) return tl::unexpected(std::move(path.error()));
    path_ = std::move(*path);
  }
  Result<file::NewFile> made = file::create(path_, options.mode);
  if (!made) return tl::unexpected(std::move(made.error()));
  file_ = std::move(made->file);
  temporary_ = std::move(made->name);
  const Result<std::uint32_t> page_bytes = file::page_bytes(file_.get());
  if (!page_bytes) return tl::unexpected(page_bytes.error());
  page_bytes_ = *page_bytes;
  if (options.huge_pages == HugePages::require && page_bytes_ != kHugePage) {
    return fail(ErrorCode::unsupported,
                fmt::format("{} is not on a file system of huge pages; mount one (mount -t "
                            "hugetlbfs -o pagesize=2M none FOLDER), or take a memfd",
                            path_));
  }
  return file::reserve(file_.get(), bytes_for(page_bytes_), path_, options.give_up);
}

Result<void> Source::take_device(const MemoryOptions& options, const BytesFor& bytes_for) {
  if (options.huge_pages == HugePages::require) {
    return fail(ErrorCode::unsupported, "the pages of a device are what its driver makes them");
  }
  const Result<void> fits = device::check(options.device_fd, bytes_for(small_page()));
  if (!fits) return fits;
  Result<FileDescriptor> file = duplicate(options.device_fd);
  if (!file) return tl::unexpected(std::move(file.error()));
  file_ = std::move(*file);
  return {};
}

Result<Source> Source::find(FileDescriptor file, bool trust_others) {
  const Result<struct stat> status = status_of(file.get());
  if (!status) return tl::unexpected(status.error());
  Source source(Backing::memfd);
  if (device::is_device(file.get())) {
    source.backing_ = Backing::device;
  } else if (!S_ISREG(status->st_mode)) {
    return fail(
        ErrorCode::not_a_region,
        fmt::format("descriptor {} is not a ringbell region: it is no memfd, file or device",
                    file.get()));
  } else if (!memfd::is_sealed(file.get())) {
    source.backing_ = Backing::file;
    const Result<void> owned = check_owner("the region's file, whose size is not sealed,",
                                           status->st_uid, status->st_mode, trust_others);
    if (!owned) return tl::unexpected(owned.error());
  }
  source.file_ = std::move(file);
  return source;
}

Result<core::RegionHeader> Source::read_header() const {
  if (backing_ == Backing::device) return device::read_header(file_.get());
  core::RegionHeader header{};
  const ssize_t got = ::pread(file_.get(), &header, sizeof header, 0);
  if (got < 0) return fail_errno("reading the region's header failed");
  // A card of another version may be shorter.
  const bool of_another_version =
      static_cast<std::size_t>(got) >= offsetof(core::RegionHeader, ring_kind) &&
      header.magic == core::kRegionMagic && header.layout_version != core::kLayoutVersion;
  if (static_cast<std::size_t>(got) == sizeof header || of_another_version) return header;
  return fail(ErrorCode::not_a_region,
              fmt::format("not a ringbell region: the file ends after {} bytes", got));
}

Result<void> Source::confirm(const core::RegionHeader& header, const Images& images,
                             bool trust_others) {
  const auto said = Backing{header.backing};
  if (backing_ == Backing::memfd) return confirm_memfd(header, images, trust_others);
  if (backing_ == Backing::file) {
    if (said != Backing::file && said != Backing::posix_shm) {
      return fail_mismatch("file", header.backing);
    }
    backing_ = said;
    const Result<struct stat> status = status_of(file_.get());
    return status ? check_size(*status, images) : tl::unexpected(status.error());
  }
  if (said != Backing::device && said != Backing::device_unmirrored) {
    return fail_mismatch("device", header.backing);
  }
  backing_ = said;
  const bool mirrored = said == Backing::device;
  return device::check(file_.get(), mirrored ? images.region_bytes : images.mapped_bytes());
}

// A memfd, or the card of what has no file.
Result<void> Source::confirm_memfd(const core::RegionHeader& header, const Images& images,
                                   bool trust_others) {
  const auto said = Backing{header.backing};
  if (said == Backing::anonymous) {
    return fail(
        ErrorCode::not_a_region,
        "anonymous memory is shared by fork only: a child uses the object that it inherits");
  }
  if (said == Backing::system_v) {
    backing_ = said;
    segment_ = static_cast<int>(header.backing_number);
    return system_v::check(segment_, images.region_bytes, trust_others);
  }
  if (said != Backing::memfd) return fail_mismatch("memfd", header.backing);
  const Result<struct stat> status = status_of(file_.get());
  return status ? check_size(*status, images) : tl::unexpected(status.error());
}

bool Source::maps_lanes_alone() const noexcept {
  return backing_ == Backing::memfd || backing_ == Backing::posix_shm || backing_ == Backing::file;
}

Result<Mapping> Source::map(const Images& images, Access access, bool lanes_too) {
  assert(lanes_too || maps_lanes_alone());
  Result<Mapping> mapping = map_pages(images, access, lanes_too);
  // The kernel frees the segment with its last attachment, and at once if there is none.
  if (creating_ && backing_ == Backing::system_v) system_v::remove(segment_);
  return mapping;
}

Result<Mapping> Source::map_pages(const Images& images, Access access, bool lanes_too) {
  // Where transparent huge pages are possible, addresses must not stand in their way.
  const std::uint64_t alignment = images.region_bytes < kHugePage ? small_page() : kHugePage;
  Result<Mapping> mapping = Mapping::reserve(images.mapped_bytes(), alignment);
  if (!mapping) return mapping;
  Result<void> placed;
  switch (backing_) {
    case Backing::memfd:
    case Backing::posix_shm:
    case Backing::file:
      placed = place_file(*mapping, lanes_too ? images : head_of(images), file_.get(), access);
      break;
    case Backing::system_v:
      placed = system_v::place(*mapping, images, segment_, access);
      break;
    case Backing::anonymous:
      placed = anonymous::place(*mapping, images);
      break;
    case Backing::device:
    case Backing::device_unmirrored:
      placed = map_device(*mapping, images, access);
      break;
  }
  if (!placed) return tl::unexpected(std::move(placed.error()));
  return mapping;
}

Result<void> Source::map_device(const Mapping& mapping, const Images& images, Access access) {
  Result<void> placed;
  if (backing_ == Backing::device) placed = place_file(mapping, images, file_.get(), access);
  if (!placed && creating_ && images.lanes > 0) {
    Result<void> large_enough = device::check(file_.get(), images.mapped_bytes());
    if (!large_enough) return large_enough;
    backing_ = Backing::device_unmirrored;
  }
  if (backing_ == Backing::device_unmirrored) {
    placed = device::place_unmirrored(mapping, file_.get(), access);
  }
  // Unlike all others it comes with what its last user left there.
  if (placed && creating_) std::memset(mapping.base(), 0, mapping.bytes());
  return placed;
}

Result<void> Source::finish(const core::RegionHeader& header, memfd::Writers writers) {
  creating_ = false;
  switch (backing_) {
    case Backing::memfd:
      return memfd::seal(file_.get(), writers);
    case Backing::posix_shm:
    case Backing::file:
      if (path_.ends_with('/')) return {};  // the caller links it
      return file::publish(file_.get(), path_).map([&] { temporary_ = {}; });
    case Backing::system_v:
    case Backing::anonymous:
      return memfd::create_card(header).map([&](FileDescriptor card) { file_ = std::move(card); });
    case Backing::device:
    case Backing::device_unmirrored:
      return {};
  }
  return {};
}

}  // namespace ringbell::memory
