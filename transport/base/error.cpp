#include <ringbell/transport/base/error.hpp>

#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace ringbell {
namespace {

ErrorCode code_of(int errno_value) noexcept {
  switch (errno_value) {
    case ENOSPC:
    case ENOMEM:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::no_space;
    case EPERM:
    case EACCES:
      return ErrorCode::permission;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorCode::unsupported;
    default:
      return ErrorCode::system;
  }
}

}  // namespace

tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, 0, std::move(message)});
}

tl::unexpected<Error> fail_errno(const std::string& what, const std::string& remedy) {
  const int errno_value = errno;
  std::string message = fmt::format("{}: {}", what, std::generic_category().message(errno_value));
  if (!remedy.empty()) message += "; " + remedy;
  return tl::unexpected<Error>(Error{code_of(errno_value), errno_value, std::move(message)});
}

tl::unexpected<Error> fail_corrupt(const core::Finding& finding) {
  assert(finding.field != nullptr);
  return fail(ErrorCode::corrupt,
              fmt::format("the peer is broken or hostile: in shared memory {} is {:#x}, which no "
                          "ringbell stores there; make a new channel",
                          finding.field, finding.value));
}

tl::unexpected<Error> fail_interrupted() {
  return fail(ErrorCode::cancelled, "the wait was ended by interrupt()");
}

const char* name_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::system:
      return "system";
    case ErrorCode::no_space:
      return "no_space";
    case ErrorCode::permission:
      return "permission";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::not_a_region:
      return "not_a_region";
    case ErrorCode::version_mismatch:
      return "version_mismatch";
    case ErrorCode::busy:
      return "busy";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::closed:
      return "closed";
    case ErrorCode::peer_dead:
      return "peer_dead";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::timed_out:
      return "timed_out";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::other_ring:
      return "other_ring";
    case ErrorCode::no_place:
      return "no_place";
    case ErrorCode::evicted:
      return "evicted";
    case ErrorCode::no_reader:
      return "no_reader";
    case ErrorCode::stale:
      return "stale";
    case ErrorCode::dropped:
      return "dropped";
  }
  return "unknown";
}

}  // namespace ringbell
