#include <ringbell/transport/memory/numa.hpp>

#include <cerrno>
#include <climits>
#include <fstream>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringbell::memory::numa {
namespace {

constexpr unsigned kMostNodes = 1024;  // as many as Linux can have
constexpr unsigned kWordBits = sizeof(unsigned long) * CHAR_BIT;

std::vector<unsigned long> only(unsigned node) {
  std::vector<unsigned long> nodes(kMostNodes / kWordBits);
  nodes[node / kWordBits] = 1UL << (node % kWordBits);
  return nodes;
}

tl::unexpected<Error> fail_node(const std::string& what, unsigned node) {
  if (errno == EINVAL) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: there is no node {} with memory here; "
                            "see /sys/devices/system/node/has_memory",
                            what, node));
  }
  return fail_errno(what,
                    errno == ENOSYS ? "this kernel knows no NUMA: leave numa_node empty" : "");
}

// Binding to a node that is too small would not fail but have the kernel kill processes.
Result<void> check_size(unsigned node, std::uint64_t bytes) {
  std::ifstream file(fmt::format("/sys/devices/system/node/node{}/meminfo", node));
  std::string word;
  std::uint64_t kibibytes = 0;
  while (file >> word) {
    if (word == "MemTotal:" && file >> kibibytes && kibibytes * 1024 < bytes) {
      return fail(ErrorCode::no_space,
                  fmt::format("node {} has {} KiB of memory, less than {} bytes; ask for a smaller "
                              "capacity or another node",
                              node, kibibytes, bytes));
    }
  }
  return {};
}

}  // namespace

ThreadOnNode::ThreadOnNode(Policy before) noexcept : before_(std::move(before)), entered_(true) {}

ThreadOnNode::ThreadOnNode(ThreadOnNode&& other) noexcept
    : before_(std::move(other.before_)), entered_(std::exchange(other.entered_, false)) {}

ThreadOnNode::~ThreadOnNode() {
  if (entered_) ::syscall(SYS_set_mempolicy, before_.mode, before_.nodes.data(), kMostNodes);
}

Result<ThreadOnNode> ThreadOnNode::enter(unsigned node, std::uint64_t bytes) {
  if (node >= kMostNodes) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("node {}: Linux has no more than {}", node, kMostNodes));
  }
  if (const Result<void> enough = check_size(node, bytes); !enough) {
    return tl::unexpected(enough.error());
  }
  Policy before{.mode = 0, .nodes = std::vector<unsigned long>(kMostNodes / kWordBits)};
  if (::syscall(SYS_get_mempolicy, &before.mode, before.nodes.data(), kMostNodes, nullptr, 0) !=
      0) {
    return fail_node("asking for the NUMA policy failed", node);
  }
  const std::vector<unsigned long> nodes = only(node);
  if (::syscall(SYS_set_mempolicy, MPOL_BIND, nodes.data(), kMostNodes) != 0) {
    return fail_node(fmt::format("binding to node {} failed", node), node);
  }
  return ThreadOnNode(std::move(before));
}

Result<void> bind(const Mapping& mapping, unsigned node) {
  const std::vector<unsigned long> nodes = only(node);
  if (::syscall(SYS_mbind, mapping.base(), mapping.bytes(), MPOL_BIND, nodes.data(), kMostNodes,
                0) != 0) {
    return fail_node(fmt::format("binding the region to node {} failed", node), node);
  }
  return {};
}

Result<unsigned> node_of(const std::byte* address) {
  int node = -1;
  if (::syscall(SYS_get_mempolicy, &node, nullptr, 0, address, MPOL_F_NODE | MPOL_F_ADDR) != 0) {
    return fail_errno("asking for the node of a page failed");
  }
  return static_cast<unsigned>(node);
}

}  // namespace ringbell::memory::numa
