#include <tests/support/child_program.hpp>

#include <cstdio>
#include <map>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringbell::test {
namespace {

std::map<std::string, ChildPart>& parts() {
  static std::map<std::string, ChildPart> all;
  return all;
}

}  // namespace

bool add_child_part(const char* name, ChildPart part) { return parts().emplace(name, part).second; }

}  // namespace ringbell::test

int main(int argc, char** argv) {
  if (argc >= 2 && std::string_view(argv[0]) == "child") {
    const auto found = ringbell::test::parts().find(argv[1]);
    if (found == ringbell::test::parts().end()) {
      std::fprintf(stderr, "no part '%s' to play\n", argv[1]);
      return 127;
    }
    return found->second(std::vector<std::string>(argv + 2, argv + argc));
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
