// Bytes of a file, as they are or compressed by zstd: the only place that knows libzstd.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tools/command/failure.hpp"

namespace ringbell::tools {

// Compresses what is written, one zstd frame for a file.
class Compressor {
 public:
  // Fails with kFailed and the package's name, if ringbell was built without libzstd.
  [[nodiscard]] static Tried<Compressor> create();

  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;
  ~Compressor();

  // What must be written for these bytes, so that a file that is cut behind it has them all; valid
  // until the next call. `last`: the frame ends.
  [[nodiscard]] Tried<std::span<const std::byte>> compress(std::span<const std::byte> bytes,
                                                           bool last);

 private:
  struct Stream;
  explicit Compressor(std::unique_ptr<Stream> stream) noexcept;

  std::unique_ptr<Stream> stream_;
  std::vector<std::byte> out_;
};

// Reads a file that may be compressed, which its first bytes tell.
class Decompressor {
 public:
  // Owns the descriptor.
  explicit Decompressor(int fd);
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  ~Decompressor();

  // As read(2): at most all of `into`; 0 at the end, -1 with errno. A frame that is cut ends where
  // its last whole block does.
  [[nodiscard]] long read(std::span<std::byte> into);

 private:
  struct Stream;
  [[nodiscard]] bool fill();
  [[nodiscard]] long read_plain(std::span<std::byte> into);
  [[nodiscard]] long read_compressed(std::span<std::byte> into);

  int fd_;
  bool begun_ = false;
  std::vector<std::byte> in_;
  std::size_t used_ = 0;
  std::size_t size_ = 0;
  std::unique_ptr<Stream> stream_;  // if it is compressed
};

}  // namespace ringbell::tools
