// The comparison as a program.
#pragma once

namespace ringbell::bench {

// Exit status: 0 done; 1 something failed or was not verified; 2 wrong usage.
[[nodiscard]] int compare(int argc, char** argv);

}  // namespace ringbell::bench
