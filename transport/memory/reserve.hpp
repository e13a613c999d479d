// Space that is there: taken at creation, so that what is not there is an Error and no SIGBUS
// later.
#pragma once

#include <cstdint>
#include <string>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::memory {

// That this machine has so much memory at all. The kernel does not refuse more: it would kill
// processes to find the pages. Errors: no_space.
[[nodiscard]] Result<void> check_memory(std::uint64_t bytes);

// Makes an empty file so long, zeroed, and reserves every page or block of it. `what` it is and
// what to do when there is no room: for the message. Errors: no_space, unsupported, system.
[[nodiscard]] Result<void> reserve(int fd, std::uint64_t bytes, const std::string& what,
                                   const std::string& remedy);

// "no huge pages free; reserve some with sysctl vm.nr_hugepages=N"
[[nodiscard]] std::string huge_page_remedy(std::uint64_t bytes);

}  // namespace ringbell::memory
