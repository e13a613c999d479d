// What every fuzz target has: a function that takes any bytes, and inputs to begin with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringbell::fuzz {

using Input = std::vector<std::uint8_t>;

// Made by real rings, so that a fuzzer need not guess what one looks like. The same each time.
[[nodiscard]] std::vector<Input> seeds();

}  // namespace ringbell::fuzz

// Always 0. Aborts, or is stopped by a sanitizer, when something is wrong.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
