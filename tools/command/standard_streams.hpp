// Descriptors 0, 1 and 2. A shell or a daemon may start the command without one of them ("<&-",
// ">&-"); whatever is opened next must not get its number, and be read or written in its place.
#pragma once

#include "tools/command/failure.hpp"

namespace ringbell::tools::standard_streams {

// Puts /dev/null where one is missing, open the wrong way round for input and output: reading the
// one and writing the other fails, as it would without.
[[nodiscard]] Tried<void> fill();

// Fails if standard input cannot be read, and if standard output cannot be written.
[[nodiscard]] Tried<void> require_input();
[[nodiscard]] Tried<void> require_output();

}  // namespace ringbell::tools::standard_streams
