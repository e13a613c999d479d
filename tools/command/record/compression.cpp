#include "tools/command/record/compression.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include <unistd.h>

#ifdef RINGBELL_HAS_ZSTD
#include <zstd.h>
#endif

#include "tools/command/command.hpp"

namespace ringbell::tools {
namespace {

constexpr std::array<unsigned char, 4> kZstdMagic{0x28, 0xb5, 0x2f, 0xfd};
constexpr std::size_t kBuffer = 256 * 1024;

bool is_zstd(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= kZstdMagic.size() &&
         std::memcmp(bytes.data(), kZstdMagic.data(), kZstdMagic.size()) == 0;
}

}  // namespace

#ifdef RINGBELL_HAS_ZSTD

struct Compressor::Stream {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { ZSTD_freeCCtx(context); }
};

struct Decompressor::Stream {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { ZSTD_freeDCtx(context); }
};

Tried<Compressor> Compressor::create() {
  auto stream = std::make_unique<Stream>();
  if (stream->context == nullptr) return give_up(kFailed, "no memory for zstd");
  return Compressor(std::move(stream));
}

Tried<std::span<const std::byte>> Compressor::compress(std::span<const std::byte> bytes,
                                                       bool last) {
  std::size_t size = 0;
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (std::size_t left = 1; left != 0;) {
    out_.resize(std::max(size + ZSTD_CStreamOutSize(), out_.size()));
    ZSTD_outBuffer out{out_.data(), out_.size(), size};
    left = ZSTD_compressStream2(stream_->context, &out, &in, last ? ZSTD_e_end : ZSTD_e_flush);
    if (ZSTD_isError(left) != 0) {
      return give_up(kFailed, std::string("zstd failed: ") + ZSTD_getErrorName(left));
    }
    size = out.pos;
  }
  return std::span<const std::byte>(out_).first(size);
}

long Decompressor::read_compressed(std::span<std::byte> into) {
  ZSTD_outBuffer out{into.data(), into.size(), 0};
  while (out.pos == 0) {
    if (used_ == size_ && !fill()) {
      if (errno != 0) return -1;
      // What the frame's last whole block had may still be inside.
      ZSTD_inBuffer none{nullptr, 0, 0};
      (void)ZSTD_decompressStream(stream_->context, &out, &none);
      return static_cast<long>(out.pos);
    }
    ZSTD_inBuffer in{in_.data(), size_, used_};
    const std::size_t result = ZSTD_decompressStream(stream_->context, &out, &in);
    used_ = in.pos;
    if (ZSTD_isError(result) != 0) {
      errno = EBADMSG;
      return out.pos != 0 ? static_cast<long>(out.pos) : -1;
    }
  }
  return static_cast<long>(out.pos);
}

#else

struct Compressor::Stream {};
struct Decompressor::Stream {};

Tried<Compressor> Compressor::create() {
  return give_up(kFailed,
                 "this ringbell was built without zstd: install libzstd-dev and build it again");
}

Tried<std::span<const std::byte>> Compressor::compress(std::span<const std::byte>, bool) {
  return std::span<const std::byte>{};
}

long Decompressor::read_compressed(std::span<std::byte>) {
  errno = ENOTSUP;
  return -1;
}

#endif

Compressor::Compressor(std::unique_ptr<Stream> stream) noexcept : stream_(std::move(stream)) {}
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;
Compressor::~Compressor() = default;

Decompressor::Decompressor(int fd) : fd_(fd), in_(kBuffer) {}
Decompressor::~Decompressor() { ::close(fd_); }

// False: the end, with errno 0, or an error.
bool Decompressor::fill() {
  used_ = size_ = 0;
  for (;;) {
    errno = 0;
    const ssize_t got = ::read(fd_, in_.data() + size_, in_.size() - size_);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return size_ > 0;
    size_ += static_cast<std::size_t>(got);
    // The first look needs the magic number whole, which a pipe may give in pieces.
    if (begun_ || size_ >= kZstdMagic.size()) return true;
  }
}

long Decompressor::read_plain(std::span<std::byte> into) {
  if (used_ == size_ && !fill()) return errno != 0 ? -1 : 0;
  const std::size_t size = std::min(into.size(), size_ - used_);
  std::memcpy(into.data(), in_.data() + used_, size);
  used_ += size;
  return static_cast<long>(size);
}

long Decompressor::read(std::span<std::byte> into) {
  if (!begun_) {
    const bool any = fill();
    if (!any && errno != 0) return -1;
    begun_ = true;
    if (is_zstd(std::span(in_).first(size_))) stream_ = std::make_unique<Stream>();
  }
  return stream_ ? read_compressed(into) : read_plain(into);
}

}  // namespace ringbell::tools
