// Test programs that start themselves anew, as another program: argv[0] is "child" then, argv[1]
// the part to play, and main() (child_program.cpp) plays it instead of running tests.
#pragma once

#include <string>
#include <vector>

namespace ringbell::test {

// What the part does with the remaining arguments; the result is the program's exit status.
using ChildPart = int (*)(const std::vector<std::string>& arguments);

// At namespace scope: `const bool kRegistered = add_child_part("send", send_all);`
bool add_child_part(const char* name, ChildPart part);

}  // namespace ringbell::test
