// Space that is there: taken at creation, so that what is not there is an Error and no SIGBUS
// later.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::memory {

// That this machine, and the container that this process is in, have so much memory. The kernel
// does not refuse more: it would kill processes to find the pages. Errors: no_space.
[[nodiscard]] Result<void> check_memory(std::uint64_t bytes);

// MemoryOptions::give_up.
using GiveUp = std::function<bool()>;
[[nodiscard]] Result<void> go_on(const GiveUp& give_up);

// How much is taken between two looks at it.
inline constexpr std::uint64_t kPieceBytes = std::uint64_t{16} << 20;

// Makes an empty file so long, zeroed, and reserves every page or block of it. `what` it is and
// what to do when there is no room: for the message. Errors: no_space, unsupported, cancelled;
// system, if signals come so fast that no page can be taken between two of them.
[[nodiscard]] Result<void> reserve(int fd, std::uint64_t bytes, const std::string& what,
                                   const std::string& remedy, const GiveUp& give_up);

// Takes the pages of a file away again, which keeps its size: where it is mapped there are zeros.
void give_back(int fd, std::uint64_t bytes) noexcept;

// "no huge pages free; reserve some with sysctl vm.nr_hugepages=N"
[[nodiscard]] std::string huge_page_remedy(std::uint64_t bytes);

}  // namespace ringbell::memory
