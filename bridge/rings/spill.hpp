// Records that wait in a file for a server that is gone, first in, first out. They outlive the
// process.
//
//   | head | record | record | ...         record: | magic | size | source | begin | end | missed |
//            ^ given back                            and its bytes
//
// Invariants
//   S1  What add() took is in the file after flush(), whole; what a kill cut at the end is not
//       read, and the next add() writes over it.
//   S2  Before `head` nothing is read again. It is stored after what it passes was given back, so
//       that after a kill some of that may come again.
//   S3  Once all is given back the file is empty; before that its beginning gives back its disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::bridge {

// Not thread-safe; move-only. One process at a time has the file.
class Spill {
 public:
  struct Record {
    std::string_view source;  // at most kMostSource bytes; of next(): until the next call
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t missed = 0;          // before it
    std::span<const std::byte> bytes;  // of next(): until the next call
  };
  static constexpr std::size_t kMostSource = 32;

  // The file of this name in the folder, with what it has, or a new one. Errors: busy, if another
  // process has it; corrupt, if it is no such file; system, with the path.
  [[nodiscard]] static Result<Spill> open(const std::string& folder, const std::string& name);

  // REQUIRES: source.size() <= kMostSource. Nothing is in the file before flush().
  void add(const Record& record);
  // Errors: no_space, system: then nothing that was added since the last one is in it.
  [[nodiscard]] Result<void> flush();

  // The next record that was not read; nothing: there is none. Errors: system.
  [[nodiscard]] Result<std::optional<Record>> next();
  [[nodiscard]] bool all_read() const noexcept { return read_ == end_; }
  // Behind the record that next() gave last.
  [[nodiscard]] std::uint64_t position() const noexcept { return read_; }
  // What stands before this position is done with. Errors: system.
  [[nodiscard]] Result<void> release_to(std::uint64_t position);
  // next() goes on with the oldest that was not released.
  void rewind() noexcept { read_ = head_; }
  // Of the last record that was in the file when it was opened, if it is of this source: its end.
  [[nodiscard]] std::optional<std::uint64_t> end_of(const std::string& source) const;

 private:
  struct Entry;

  Spill(FileDescriptor file, std::string path) noexcept;
  [[nodiscard]] Result<void> recover();
  [[nodiscard]] Result<bool> read_at(std::uint64_t position, std::span<std::byte> into) const;
  [[nodiscard]] tl::unexpected<Error> failed(const char* what) const;

  FileDescriptor file_;
  std::string path_;
  std::vector<std::byte> added_;   // since the last flush()
  std::vector<std::byte> record_;  // that next() gave
  std::string source_;             // of it
  std::uint64_t head_;
  std::uint64_t read_;
  std::uint64_t end_;
  std::string last_source_;
  std::uint64_t last_end_ = 0;
};

}  // namespace ringbell::bridge
