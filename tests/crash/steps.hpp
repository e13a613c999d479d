// What the tests that kill at every step have in common: tables of operations, and messages that
// were made beforehand, so that the operations are the rings' and not the filling of bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <span>
#include <vector>

#include <tests/support/message.hpp>

namespace ringbell::test {

// One operation, by its name. `World` is the state in which it is done.
template <class World>
struct StepCase {
  const char* name;
  void (*operation)(World&);

  friend std::ostream& operator<<(std::ostream& out, const StepCase& one) {
    return out << one.name;
  }
};

inline constexpr auto kNameOfCase = [](const auto& one) { return one.param.name; };

// Messages 0 … of one size.
class FixedMessages {
 public:
  explicit FixedMessages(std::size_t bytes) {
    for (std::uint64_t number = 0; number < kCount; ++number) {
      write_message(all_.emplace_back(bytes), number);
    }
  }

  void put(std::span<std::byte> into, std::uint64_t number) const {
    std::memcpy(into.data(), all_.at(number).data(), into.size());
  }
  [[nodiscard]] std::span<const std::byte> get(std::uint64_t number) const {
    return all_.at(number);
  }
  [[nodiscard]] bool is(std::span<const std::byte> bytes, std::uint64_t number) const {
    return number < all_.size() && std::ranges::equal(bytes, all_[number]);
  }

 private:
  static constexpr std::uint64_t kCount = 500;

  std::vector<std::vector<std::byte>> all_;
};

}  // namespace ringbell::test
