#include "tools/command/failure.hpp"

#include <utility>

#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"

namespace ringbell::tools {

tl::unexpected<Failure> give_up(int status, std::string message) {
  return tl::unexpected(Failure{status, std::move(message)});
}

tl::unexpected<Failure> give_up(const Error& error) {
  if (error.code == ErrorCode::cancelled) {
    if (Tried<void> on = interruption::check(); !on) return tl::unexpected(on.error());
  }
  const bool cut_short = error.code == ErrorCode::closed || error.code == ErrorCode::peer_dead ||
                         error.code == ErrorCode::corrupt;
  return give_up(cut_short ? kTruncated : kFailed, error.message);
}

tl::unexpected<Failure> give_up_errno(const std::string& what, const std::string& remedy) {
  return give_up(fail_errno(what, remedy).value());
}

int complain(const Failure& failure) {
  return failure.message.empty() ? failure.status : complain(failure.message, failure.status);
}

}  // namespace ringbell::tools
