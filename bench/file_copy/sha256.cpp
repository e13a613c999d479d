#include "bench/file_copy/sha256.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include <openssl/evp.h>
#include <unistd.h>

#include "bench/harness/interruption.hpp"

namespace ringbell::bench {
namespace {

constexpr std::size_t kChunkBytes = 256UL * 1024;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

tl::unexpected<Error> fail_openssl() {
  return fail(ErrorCode::system,
              "OpenSSL's SHA-256 failed; is a provider configured that lacks it?");
}

}  // namespace

Result<Sha256> sha256_of_file(int fd, std::uint64_t file_bytes) {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    return fail_openssl();
  }
  std::vector<std::byte> chunk(kChunkBytes);
  std::uint64_t done = 0;
  while (done < file_bytes) {
    // A file of many gigabytes takes minutes.
    if (interruption::came()) return interruption::error();
    const std::size_t wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), file_bytes - done));
    const ssize_t got = ::pread(fd, chunk.data(), wanted, static_cast<off_t>(done));
    if (got < 0) return fail_errno("reading a file for its SHA-256 failed");
    if (got == 0)
      return fail(ErrorCode::system, "a file became shorter while its SHA-256 was taken");
    if (EVP_DigestUpdate(context.get(), chunk.data(), static_cast<std::size_t>(got)) != 1) {
      return fail_openssl();
    }
    done += static_cast<std::uint64_t>(got);
  }
  Sha256 digest;
  if (EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) return fail_openssl();
  return digest;
}

}  // namespace ringbell::bench
