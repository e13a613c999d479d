// What a failed call says: what kind of failure, what was tried on what, and what to do about it.
//
// "Not now" (full, empty, time is up) is no failure: those calls return something empty.
#pragma once

#include <cstdint>
#include <string>

#include <tl/expected.hpp>

#include <ringbell/core/call_fate.hpp>
#include <ringbell/core/witness.hpp>
#include <ringbell/transport/base/export.hpp>

namespace ringbell {

enum class ErrorCode : std::uint8_t {
  invalid_argument,  // the caller asked for something that cannot be
  system,            // a system call failed; errno_value says how
  no_space,          // no memory, pages or disk left for it
  permission,        // the kernel says this process may not
  unsupported,       // this kernel or build does not have it
  not_a_region,      // the file is not, or not safely, a ringbell region
  version_mismatch,  // a region of another layout version
  busy,              // a living process has the role: the text names it
  corrupt,           // the peer wrote something impossible; the channel is unusable
  closed,            // the peer closed its side in order
  peer_dead,         // the peer is gone without closing
  too_large,         // the record does not fit
  not_found,         // no process and no file has this name
  timed_out,         // the peer is there but did not answer in time
  cancelled,         // the caller ended it before its end
  other_ring,  // in use, for a ring of another kind or with other options: the text says which
  no_place,    // as many living processes as there can be: the text says how to have more
  evicted,     // this very end was taken for dead: open it anew
  no_reader,   // require_reader(): no reader has come
  stale,       // in use when the power went: recover() what is whole, or start anew
  dropped,     // the server gave the call up without an answer
};

// What became of a call of a service that gave no answer.
using Fate = core::CallFate;

struct Error {
  ErrorCode code = ErrorCode::system;
  int errno_value = 0;     // 0 where no system call was to blame
  std::string message;     // one line, for people
  Fate fate = Fate::none;  // of Client::call() and answer_for()
};

template <class T>
using Result = tl::expected<T, Error>;

RINGBELL_PRIVATE_API [[nodiscard]] tl::unexpected<Error> fail(ErrorCode code, std::string message);

// From errno, as a failed system call left it: "what: strerror; remedy". ENOSPC, ENOMEM and EDQUOT
// become no_space, EPERM and EACCES permission, ENOSYS and EOPNOTSUPP unsupported, the rest system.
RINGBELL_PRIVATE_API [[nodiscard]] tl::unexpected<Error> fail_errno(const std::string& what,
                                                                    const std::string& remedy = {});

// From what a handle of a ring found in shared memory: corrupt, with the field and its value.
// REQUIRES: something was found.
[[nodiscard]] tl::unexpected<Error> fail_corrupt(const core::Finding& finding);

// The end's interrupt() ended its wait: cancelled.
[[nodiscard]] tl::unexpected<Error> fail_interrupted();

RINGBELL_API [[nodiscard]] const char* name_of(ErrorCode code) noexcept;

}  // namespace ringbell
