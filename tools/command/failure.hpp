// How a subcommand ends that does not get done: its exit status, and the line for stderr.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::tools {

struct Failure {
  int status;
  std::string message;  // empty: nothing needs to be said
};

template <class T>
using Tried = tl::expected<T, Failure>;

[[nodiscard]] tl::unexpected<Failure> give_up(int status, std::string message = {});

// The status that goes with the Error: a peer that is gone cuts the stream short.
[[nodiscard]] tl::unexpected<Failure> give_up(const Error& error);

// From errno.
[[nodiscard]] tl::unexpected<Failure> give_up_errno(const std::string& what,
                                                    const std::string& remedy = {});

// Says it on stderr and returns the status.
int complain(const Failure& failure);

}  // namespace ringbell::tools
