// What an algorithm asks of memory, and how to ask for one thing less: half of an order, or a store
// that an algorithm makes only to be safe.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ringbell::model {

enum class Operation : std::uint8_t { load, store, read_modify_write, fence };

// A relaxed store under one of these labels takes away what would be mistaken, or announces what
// comes: left out, it must be missed.
[[nodiscard]] constexpr bool is_check(std::string_view label) {
  return label == "spsc.C" || label == "state.M";
}

// One end of an edge: the thread's role, the operation, its label, and its order.
struct Site {
  std::string role;  // of the thread: "writer", "reader"
  std::string label;
  Operation operation;
  std::memory_order order;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes what is generated for a pointer
  friend auto operator<=>(const Site&, const Site&) = default;
};

// Takes the acquire or the release half from what one role does under one label; a seq_cst fence
// loses the half or all of it. Or takes away the store itself.
struct Mutation {
  enum class Takes : std::uint8_t { acquire, release, fence, store };

  std::string role;
  std::string label;
  Operation operation;
  Takes takes;

  [[nodiscard]] bool hits(std::string_view by_role, std::string_view by_label,
                          Operation by_operation) const {
    return operation == by_operation && label == by_label && role == by_role;
  }
  [[nodiscard]] std::memory_order weakened(std::memory_order order) const;
  [[nodiscard]] std::string name() const;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes what is generated for a pointer
  friend auto operator<=>(const Mutation&, const Mutation&) = default;
};

[[nodiscard]] const char* name_of(Operation operation);
[[nodiscard]] const char* name_of(std::memory_order order);

// Every mutation that changes something at these sites.
[[nodiscard]] std::vector<Mutation> mutations_of(const std::set<Site>& sites);

}  // namespace ringbell::model
