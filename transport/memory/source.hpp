// Where the pages of a region come from: made or found once, then mapped. The one place that knows
// all backings; what each of them does stands in its own file.
//
//   create:  create() -> map() -> the caller fills in the header -> finish()
//   attach:  find() -> read_header() -> the caller checks it -> confirm() -> map()
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/memory/file.hpp>
#include <ringbell/transport/memory/mapping.hpp>
#include <ringbell/transport/memory/options.hpp>

namespace ringbell::memory {

namespace memfd {
enum class Writers : std::uint8_t;  // memfd.hpp
}

// Move-only.
class Source {
 public:
  // `bytes_for` tells the size of the region for a page size. Space is reserved where there is a
  // file or segment to reserve it in. Errors: invalid_argument, no_space, permission, unsupported,
  // system.
  [[nodiscard]] static Result<Source> create(
      const MemoryOptions& options, const std::function<std::uint64_t(std::uint32_t)>& bytes_for);

  // What another process made, by what it handed over: what is safe to look into, and no more.
  // Errors: not_a_region, permission; system, if the descriptor is not open.
  [[nodiscard]] static Result<Source> find(FileDescriptor file, bool trust_others);
  // Not through a mapping where it can be avoided: a file that is truncated meanwhile gives a short
  // read and not SIGBUS. Errors: not_a_region, permission, system.
  [[nodiscard]] Result<core::RegionHeader> read_header() const;
  // That the backing is what the header says it is, and as large as the header needs it. From here
  // on it is known where the pages are. Errors: not_a_region, permission, system.
  [[nodiscard]] Result<void> confirm(const core::RegionHeader& header, const Images& images,
                                     bool trust_others);

  // `lanes_too`: else what is in front of them, and addresses for them. Errors: permission,
  // no_space, system. REQUIRES: lanes_too, or maps_lanes_alone().
  [[nodiscard]] Result<Mapping> map(const Images& images, Access access, bool lanes_too = true);
  // Whether a lane can be mapped without the others.
  [[nodiscard]] bool maps_lanes_alone() const noexcept;

  // What Region::create() does last. `header` has the backing() and backing_number() of this. The
  // memory gets its seals, its card or its name, and can be attached to. Errors: system, if the
  // name is taken; no_space; permission.
  [[nodiscard]] Result<void> finish(const core::RegionHeader& header, memfd::Writers writers);

  [[nodiscard]] Backing backing() const noexcept { return backing_; }
  [[nodiscard]] std::uint32_t backing_number() const noexcept {
    return backing_ == Backing::system_v ? static_cast<std::uint32_t>(segment_) : 0;
  }
  [[nodiscard]] std::uint32_t page_bytes() const noexcept { return page_bytes_; }
  // The file, or the card of what has none. -1 before finish() has made that.
  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  void let_go_of_file() noexcept { file_ = FileDescriptor(); }
  void use_file(FileDescriptor same) noexcept { file_ = std::move(same); }

 private:
  using BytesFor = std::function<std::uint64_t(std::uint32_t)>;

  explicit Source(Backing backing) noexcept : backing_(backing) {}

  [[nodiscard]] Result<void> make_memory(const MemoryOptions& options, const BytesFor& bytes_for);
  [[nodiscard]] Result<void> make_file(const MemoryOptions& options, const BytesFor& bytes_for);
  [[nodiscard]] Result<void> take_device(const MemoryOptions& options, const BytesFor& bytes_for);
  [[nodiscard]] Result<void> confirm_memfd(const core::RegionHeader& header, const Images& images,
                                           bool trust_others);
  [[nodiscard]] Result<Mapping> map_pages(const Images& images, Access access, bool lanes_too);
  [[nodiscard]] Result<void> map_device(const Mapping& mapping, const Images& images,
                                        Access access);

  Backing backing_;
  FileDescriptor file_{};
  std::string path_{};  // of a file that is being created
  file::TemporaryName temporary_{};
  int segment_ = -1;
  std::uint32_t page_bytes_ = small_page();
  bool creating_ = false;
};

}  // namespace ringbell::memory
