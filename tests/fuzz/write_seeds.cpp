// Writes a target's seeds into a folder, for libFuzzer.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <tests/fuzz/target.hpp>

int main(int argument_count, char** arguments) {
  if (argument_count != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
    return 2;
  }
  const std::filesystem::path folder(arguments[1]);
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const ringbell::fuzz::Input& input : ringbell::fuzz::seeds()) {
    std::ofstream file(folder / ("seed_" + std::to_string(number++)), std::ios::binary);
    file.write(reinterpret_cast<const char*>(input.data()),
               static_cast<std::streamsize>(input.size()));
    if (!file.flush()) return 1;
  }
  return 0;
}
