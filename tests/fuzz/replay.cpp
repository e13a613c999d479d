// What the test run does with a fuzz target: its seeds, the inputs that once failed (corpus/), and
// some thousand mutations of them, the same each time. The input that fails is left in a file.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <tests/fuzz/target.hpp>
#include <tests/support/seed.hpp>

// Of the sanitizers' runtime, if there is one.
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)());

namespace ringbell::fuzz {
namespace {

const Input* running = nullptr;

// Of the program fuzz_TARGET_replay.
std::string target_name() {
  const std::string program = program_invocation_short_name;
  const std::string prefix = "fuzz_";
  const std::string suffix = "_replay";
  return program.substr(prefix.size(), program.size() - prefix.size() - suffix.size());
}
const std::string kFailedFile = target_name() + ".failed";

// Only what a signal handler may call.
void leave_input() {
  const int file = ::open(kFailedFile.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
  if (running != nullptr && file >= 0) {
    [[maybe_unused]] const ssize_t put = ::write(file, running->data(), running->size());
  }
}

void run(const Input& input) {
  running = &input;
  EXPECT_EQ(LLVMFuzzerTestOneInput(input.data(), input.size()), 0);
  running = nullptr;
}

// A few changes: a byte, a bit, eight bytes at once, a piece taken from elsewhere, another length.
Input mutated(Input input, test::Dice& dice) {
  for (std::uint64_t changes = 1 + dice.roll(8); changes > 0 && !input.empty(); --changes) {
    const std::size_t at = dice.roll(input.size());
    switch (dice.roll(6)) {
      case 0:
        input[at] = static_cast<std::uint8_t>(dice.roll(256));
        break;
      case 1:
        input[at] ^= static_cast<std::uint8_t>(1U << dice.roll(8));
        break;
      case 2:
        input[at] = dice.roll(2) == 0 ? 0 : 0xff;
        break;
      case 3: {
        const std::size_t count = std::min<std::size_t>(8, input.size() - at);
        std::fill_n(input.begin() + static_cast<std::ptrdiff_t>(at), count,
                    static_cast<std::uint8_t>(dice.roll(3) * 0x7f));
        break;
      }
      case 4: {
        const std::size_t from = dice.roll(input.size());
        const std::size_t count = std::min({dice.roll(16), input.size() - at, input.size() - from});
        std::copy_n(Input(input).begin() + static_cast<std::ptrdiff_t>(from), count,
                    input.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      }
      default:
        if (dice.roll(8) == 0) input.resize(at);
        break;
    }
  }
  return input;
}

class FuzzReplay : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGABRT, [](int) { leave_input(); });
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(leave_input);
  }
};

TEST_F(FuzzReplay, SeedsAndTheirMutationsDoNoHarm) {
  constexpr int kMutations = 3000;
  const std::vector<Input> inputs = seeds();
  ASSERT_FALSE(inputs.empty());
  for (const Input& input : inputs) run(input);
  test::Dice dice(1);
  for (int i = 0; i < kMutations; ++i) run(mutated(inputs[dice.roll(inputs.size())], dice));
}

TEST_F(FuzzReplay, InputsThatOnceFailedDoNoHarm) {
  run({});
  const std::filesystem::path folder = std::filesystem::path(RINGBELL_FUZZ_CORPUS) / target_name();
  if (!std::filesystem::exists(folder)) return;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    run(Input(std::istreambuf_iterator<char>(file), {}));
  }
}

}  // namespace
}  // namespace ringbell::fuzz
