// On which NUMA node pages come to be.
//
// Pages of a file are taken when its space is reserved, before anything is mapped, so it is the
// policy of the reserving thread that counts (set_mempolicy). The mapping gets the policy too
// (mbind), for pages that are swapped out and come back.
#pragma once

#include <cstdint>
#include <vector>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell::memory::numa {

// While it lives, all pages that this thread takes are on one node. Move-only.
class ThreadOnNode {
 public:
  // Errors: invalid_argument, if there is no such node; no_space, if it has less memory in all than
  // `bytes`; unsupported, on a kernel without NUMA; system.
  [[nodiscard]] static Result<ThreadOnNode> enter(unsigned node, std::uint64_t bytes);

  ThreadOnNode(ThreadOnNode&& other) noexcept;
  ThreadOnNode& operator=(ThreadOnNode&&) = delete;
  ThreadOnNode(const ThreadOnNode&) = delete;
  ThreadOnNode& operator=(const ThreadOnNode&) = delete;
  ~ThreadOnNode();  // the policy is what it was

 private:
  struct Policy {
    int mode = 0;
    std::vector<unsigned long> nodes;  // a bit each
  };
  explicit ThreadOnNode(Policy before) noexcept;

  Policy before_;
  bool entered_ = false;
};

// Errors: as enter().
[[nodiscard]] Result<void> bind(const Mapping& mapping, unsigned node);

// The node of the page at this address, which it makes be there. Errors: unsupported, system.
[[nodiscard]] Result<unsigned> node_of(const std::byte* address);

}  // namespace ringbell::memory::numa
